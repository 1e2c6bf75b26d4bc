"""What a network consists of, costs and sees: layers, receptive fields, the arithmetic of convolutions."""
