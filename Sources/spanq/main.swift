print("spanq")
