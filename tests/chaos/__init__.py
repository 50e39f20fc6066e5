"""Whatever dies: nothing is lost, and nothing is done twice."""
