"""What the programs on claims share: students made under equal conditions, each measured on the same problems."""
