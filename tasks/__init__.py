"""The interview pipeline: documents, stages, analysis, scheduling and the adapters' ports."""
