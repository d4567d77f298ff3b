"""What methods that train on a row's answer share."""
