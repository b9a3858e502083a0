"""Binary search: find a value in a sorted list by halving what is left of it.

Each step compares the middle element with the wanted value. Half of the list is then out of question,
so a list of n values takes at most log2(n) + 1 steps: 20 for a million.

>>> binary_search([1, 3, 5, 7, 9], 7)
3
>>> binary_search([1, 3, 5, 7, 9], 4)
-1
"""


def binary_search(values, wanted):
    """Return the index of `wanted` in the sorted list `values`, or -1 where it is not there."""
    low = 0
    high = len(values) - 1
    while low <= high:
        # The wanted value, if it is there at all, lies between low and high.
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1  # everything up to the middle is too small
        else:
            high = middle - 1  # everything from the middle on is too large
    return -1


def first_at_least(values, wanted):
    """Return the index of the first element that is not less than `wanted`, or len(values)."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


if __name__ == "__main__":
    numbers = [2, 3, 5, 7, 11, 13, 17, 19, 23]
    for number in (7, 8, 23):
        print(number, "is at index", binary_search(numbers, number))
