"""A chat in the terminal with students, served or not."""
