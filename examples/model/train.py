"""`python -m model.train TRAIN.csv MODEL.json`"""

import json
import sys
from pathlib import Path

from model.data import read_rows
from model.logistic import fit

if __name__ == "__main__":
    source, target = sys.argv[1:]
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(json.dumps(fit(*read_rows(source))))
