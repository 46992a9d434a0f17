"""The same networks and steps in other libraries, for comparison.

`torch_networks` and `keras_networks` hold the networks; tests prove that they are ours, by the
number of parameters and by equal logits with our weights. `sides` holds the training loops, each
run by `worker` in a process of its own; `race` is PyTorch's run of the time to accuracy.
`ocr` holds the OCR programs that read the same crops.

    pip install '.[peers]' --constraint constraints.txt
"""
