"""An example of a model that Trimtab gates and releases. Yours takes its place."""
