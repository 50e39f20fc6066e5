"""Child processes: started, watched and stopped, and never left behind."""
