"""Videos and cameras: their frames as inputs of a run, and videos of frames that were drawn on."""
