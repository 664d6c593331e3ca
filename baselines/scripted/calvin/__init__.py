"""The scripted expert's skills for CALVIN's 34 tasks."""
