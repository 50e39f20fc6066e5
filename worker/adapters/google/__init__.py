"""What Google's services have in common: credentials, HTTP and errors."""
