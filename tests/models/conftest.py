"""What the tests of networks share: a seed, and one thread, as the threads of tiny nets only wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
