"""Public test harness for rules, ours and other people's."""
