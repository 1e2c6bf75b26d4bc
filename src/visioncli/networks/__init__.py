"""One architecture a file: `build(variant)` makes it, `import_weights(path, variant)` reads its published file."""
