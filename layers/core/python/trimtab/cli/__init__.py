"""The command `trimtab`: profiles and drift verdicts of files on one machine, with no AWS account."""
