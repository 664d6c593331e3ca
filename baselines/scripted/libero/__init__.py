"""The scripted expert's skills for LIBERO's goals."""
