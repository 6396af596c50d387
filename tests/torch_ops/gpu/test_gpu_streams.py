# SPDX-License-Identifier: Apache-2.0
"""Streams, threads, devices and graph capture: everything runs where PyTorch says, unwaited for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from cases import Case, Tensors, gradients, tensors

from convwright.functional import conv2d

# Several kernels each: split sums, register tiles, one thread an output; strides need phases.
CASES = [
    Case(channels=(64, 64), size=(14, 14), batch=4),
    Case(channels=(256, 64), size=(7, 7), kernel=(1, 1), padding=(0, 0), batch=1),
    Case(channels=(8, 12), groups=4, stride=(2, 2)),
    Case(channels=(3, 32), size=(32, 30), kernel=(7, 7), stride=(2, 2), padding=(3, 3)),
]
BUSY = 20_000_000  # cycles, 10 to 20 ms: longer than a launch by far


def expected(t: Tensors) -> list[torch.Tensor]:
    return [x.float() for x in gradients(F.conv2d, t.to("cpu").double())]


def assert_right(actual, wanted) -> None:
    for ours, torchs in zip(actual, wanted, strict=True):
        assert torch.equal(ours.cpu(), torchs)


@pytest.mark.parametrize("memory_format", ["nchw", "nhwc"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_graph_capture_and_replay(case: Case, memory_format: str) -> None:
    t = tensors(case, memory_format, memory_format).to("cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        gradients(conv2d, t)  # loads modules, which capture does not allow
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = gradients(conv2d, t)
    for offset in (0.0, 1.0, -2.0):
        with torch.no_grad():
            t.input.copy_(tensors(case).input + offset)
        graph.replay()
        assert_right([x.detach() for x in captured], expected(t))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_work_is_ordered_with_its_own_stream(case: Case) -> None:
    t, later = tensors(case).to("cuda"), tensors(case).to("cuda")
    wanted = expected(t)
    gradients(conv2d, later)
    t.input.detach().zero_()
    streams = torch.cuda.Stream(), torch.cuda.Stream()
    torch.cuda.synchronize()
    results = []
    for stream in streams:
        with torch.cuda.stream(stream):
            own = later.to("cuda")
            right = own.input.detach().clone()
            own.input.zero_()
            torch.cuda._sleep(BUSY)
            own.input.copy_(right)  # too late for a kernel on another stream
            results.append(gradients(conv2d, own))
    torch.cuda.synchronize()
    for result in results:
        assert_right([x.detach() for x in result], wanted)


def test_a_call_does_not_wait() -> None:
    t = tensors(CASES[0]).to("cuda").requires_grad_()
    gradients(conv2d, t)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        done = torch.cuda.Event()
        torch.cuda._sleep(100 * BUSY)
        gradients(conv2d, t)
        done.record()
        assert not done.query()
    torch.cuda.synchronize()


def test_two_threads_with_streams_of_their_own() -> None:
    def work(case: Case) -> None:
        stream = torch.cuda.Stream()
        wanted = expected(tensors(case))
        with torch.cuda.stream(stream):
            t = tensors(case).to("cuda")
            for _ in range(20):
                results = gradients(conv2d, t)
                stream.synchronize()
                assert_right([x.detach() for x in results], wanted)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, case) for case in CASES]:
            future.result()


def test_the_first_cuda_call_of_a_thread() -> None:
    t = tensors(CASES[0]).to("cuda")
    torch.cuda.synchronize()
    results: list[torch.Tensor] = []

    def work() -> None:
        with torch.no_grad():
            results.append(conv2d(*t.operands, *t.case.geometry))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert_right(results, expected(t)[:1])


@pytest.mark.skipif("torch.cuda.device_count() < 2", reason="needs two CUDA devices")
def test_the_device_of_the_tensors_not_the_current_one() -> None:
    t = tensors(CASES[0]).to("cuda:1")
    results = gradients(conv2d, t)
    assert torch.cuda.current_device() == 0
    assert {x.device for x in results} == {torch.device("cuda:1")}
    assert_right([x.detach() for x in results], expected(t))


def test_memory_goes_back_to_pytorch() -> None:
    t = tensors(CASES[1]).to("cuda")
    gradients(conv2d, t)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    for _ in range(10):
        gradients(conv2d, t)
    assert torch.cuda.memory_allocated() == before
