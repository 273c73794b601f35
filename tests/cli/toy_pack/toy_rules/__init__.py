"""Rules for tests of the command line: each shows what a rule can say, or get wrong."""
