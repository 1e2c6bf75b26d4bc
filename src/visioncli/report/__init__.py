"""A page that shows what a run answered, or what two or three runs did: read, judged, and written as static files.

`build.py` is the way in. `outputs.py` reads folders of records, `truth.py` the answers; `judge_*.py` put the two
together with the code of `vision eval` and `vision iou`. What they find are columns (`columns.py`), which
`write.py` puts beside the page's own files (`page/`) and the thumbnails. README.md tells the format.
"""
