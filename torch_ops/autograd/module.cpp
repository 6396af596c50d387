// SPDX-License-Identifier: Apache-2.0
// The Python module convwright._autograd: what functional/ calls in plain eager mode.
#include <ATen/PythonTorchFunctionTLS.h>
#include <ATen/TracerMode.h>
#include <ATen/autocast_mode.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <torch/csrc/autograd/python_variable.h>

#include "torch_ops/autograd/conv2d_function.h"

namespace convwright::autograd {
namespace {

/// Python's _functions.careful_backward; kept for the life of the process.
PyObject *python_backward = nullptr;

Gradients call_python_backward(const at::Tensor &grad_output, const at::Tensor &input,
                               const at::Tensor &weight, const Geometry &g,
                               std::array<bool, 3> needs) {
    const pybind11::gil_scoped_acquire gil;
    const auto pair = [](const auto &values) { return py::make_tuple(values[0], values[1]); };
    const py::tuple geometry =
        py::make_tuple(pair(g.stride), pair(g.padding), pair(g.dilation), g.groups);
    const py::tuple arguments =
        py::make_tuple(grad_output, input, weight, geometry, py::cast(needs));
    const auto result =
        py::reinterpret_steal<py::object>(PyObject_CallObject(python_backward, arguments.ptr()));
    if (!result) {
        python_error error;  // as it is: the engine gives it to the caller
        error.persist();
        throw error;
    }
    const auto tensors = result.cast<std::array<std::optional<at::Tensor>, 3>>();
    Gradients gradients;
    for (size_t i = 0; i < gradients.size(); i++) gradients[i] = tensors[i].value_or(at::Tensor());
    return gradients;
}

/// Whether more than eager mode is at work, which Python's way takes care of.
bool special() {
    return transform_active() || at::impl::torch_function_mode_enabled() ||
           c10::impl::TorchDispatchModeTLS::any_modes_set() ||
           at::autocast::is_autocast_enabled(at::kCPU) ||
           at::autocast::is_autocast_enabled(at::kCUDA) || at::tracer::impl::is_dispatch_enabled();
}

/// Null unless it is a plain float32 tensor that has kernels.
const at::Tensor *plain_tensor(PyObject *object) {
    if (!THPVariable_CheckExact(object)) return nullptr;
    const at::Tensor &tensor = THPVariable_Unpack(object);
    const bool taken = tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided &&
                       (tensor.is_cpu() || tensor.is_cuda());
    return taken ? &tensor : nullptr;
}

bool read_int(PyObject *object, int64_t &value) {
    if (!PyLong_Check(object)) return false;
    int overflow = 0;
    value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return overflow == 0;
}

/// One number for both, or a tuple of two.
bool read_pair(PyObject *object, std::array<int64_t, 2> &pair) {
    if (PyTuple_Check(object)) {
        return PyTuple_GET_SIZE(object) == 2 && read_int(PyTuple_GET_ITEM(object, 0), pair[0]) &&
               read_int(PyTuple_GET_ITEM(object, 1), pair[1]);
    }
    if (!read_int(object, pair[0])) return false;
    pair[1] = pair[0];
    return true;
}

constexpr Py_ssize_t kArguments = 7;

/// (input, weight, bias, stride, padding, dilation, groups) -> output, or NotImplemented where this is
/// not the plain case or an operator refuses it: Python's way then repeats the call with care.
template<bool kRelu>
PyObject *conv2d_eager(PyObject *, PyObject *const *args, Py_ssize_t count) {
    HANDLE_TH_ERRORS
    const at::Tensor *input = nullptr, *weight = nullptr, *bias = nullptr;
    Geometry geometry{};
    const bool plain =
        count == kArguments && (input = plain_tensor(args[0])) != nullptr &&
        (weight = plain_tensor(args[1])) != nullptr &&
        (Py_IsNone(args[2]) || (bias = plain_tensor(args[2])) != nullptr) &&
        read_pair(args[3], geometry.stride) && read_pair(args[4], geometry.padding) &&
        read_pair(args[5], geometry.dilation) && read_int(args[6], geometry.groups) && !special();
    if (!plain) Py_RETURN_NOTIMPLEMENTED;
    at::Tensor output;
    try {
        const pybind11::gil_scoped_release no_gil;
        output =
            conv2d(*input, *weight, bias ? std::optional(*bias) : std::nullopt, geometry, kRelu);
    } catch (python_error &) {
        throw;  // of a hook of the caller's
    } catch (const std::exception &) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return THPVariable_Wrap(std::move(output));
    END_HANDLE_TH_ERRORS
}

PyObject *use_backward(PyObject *, PyObject *function) {
    Py_INCREF(function);
    Py_XSETREF(python_backward, function);
    set_careful_backward(call_python_backward);
    Py_RETURN_NONE;
}

template<bool kRelu>
PyMethodDef eager_method(const char *name) {
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(&conv2d_eager<kRelu>)),
            METH_FASTCALL, "The plain case, or NotImplemented."};
}

PyMethodDef methods[] = {
    eager_method<false>("conv2d"),
    eager_method<true>("conv2d_relu"),
    {"use_backward", use_backward, METH_O, "What computes backwards that are not plain."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef module = {PyModuleDef_HEAD_INIT,
                      "_autograd",
                      "Plain eager convolutions, for one PyTorch and one CPython.",
                      -1,
                      methods,
                      nullptr,
                      nullptr,
                      nullptr,
                      nullptr};

}  // namespace
}  // namespace convwright::autograd

PyMODINIT_FUNC PyInit__autograd() { return PyModule_Create(&convwright::autograd::module); }
