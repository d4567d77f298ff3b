"""What can be known of a recipe before anything starts; each check yields problems."""
