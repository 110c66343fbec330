"""What is trained on: footage, music as the rules hear it, montages, pairs, batches."""
