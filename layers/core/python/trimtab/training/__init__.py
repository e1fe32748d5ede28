"""From a drift to a better model: guards, spot rules, gates, version record, release, and whether it helped."""
