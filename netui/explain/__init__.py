"""Sentences about rules, and the owners and purposes of rules and chains; pure."""
