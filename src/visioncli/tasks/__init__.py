"""One file per task: picture to network input, network output to predictions, in numpy and Pillow."""
