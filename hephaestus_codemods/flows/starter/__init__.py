"""The folder that ``hcodemod new-rule`` copies: a small rule that works."""
