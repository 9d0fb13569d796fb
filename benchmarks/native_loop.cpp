// The loop of a synchronous launch in C++: what an inference takes without Python.
//
// Usage: native_loop IR IMAGES SECONDS WARM_UP_SECONDS {wait|infer}
//
// As ovlab.measure.launch does it: f32, latency hint, one request an image, each bound to its image (IMAGES holds them
// one after the other, raw) and taken in turn. `wait` is start_async and wait, `infer` the blocking call. Prints two
// numbers: inferences per second, and the median latency in microseconds as the application sees it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

using Clock = std::chrono::steady_clock;
using Micro = std::chrono::duration<double, std::micro>;

struct Timed {
    double fps;
    double median_us;
};

Timed run(std::vector<ov::InferRequest>& requests, double seconds, bool blocking) {
    std::vector<double> latencies;
    const auto begin = Clock::now();
    const auto stop = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    auto now = begin;
    for (size_t index = 0; now < stop; index = (index + 1) % requests.size()) {
        auto& request = requests[index];
        const auto started = Clock::now();
        if (blocking) {
            request.infer();
        } else {
            request.start_async();
            request.wait();
        }
        now = Clock::now();
        latencies.push_back(Micro(now - started).count());
    }
    const double elapsed = std::chrono::duration<double>(now - begin).count();
    const double fps = latencies.size() / elapsed;
    std::nth_element(latencies.begin(), latencies.begin() + latencies.size() / 2, latencies.end());
    return {fps, latencies[latencies.size() / 2]};
}

int main(int argc, char** argv) try {
    if (argc != 6) {
        std::cerr << "usage: native_loop IR IMAGES SECONDS WARM_UP_SECONDS {wait|infer}\n";
        return 2;
    }
    ov::Core core;
    auto model = core.read_model(argv[1]);
    auto compiled = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32),
                                       ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
    std::ifstream file(argv[2], std::ios::binary);
    std::vector<uint8_t> pixels((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto shape = compiled.input().get_shape();
    const size_t size = ov::shape_size(shape);
    std::vector<ov::InferRequest> requests;
    for (size_t at = 0; at + size <= pixels.size(); at += size) {
        requests.push_back(compiled.create_infer_request());
        requests.back().set_input_tensor(ov::Tensor(ov::element::u8, shape, pixels.data() + at));
    }
    if (requests.empty()) {
        std::cerr << "native_loop: " << argv[2] << " holds no image of " << size << " bytes\n";
        return 1;
    }
    const bool blocking = std::string(argv[5]) == "infer";
    requests[0].infer();
    run(requests, std::atof(argv[4]), blocking);
    const auto [fps, median_us] = run(requests, std::atof(argv[3]), blocking);
    std::cout << fps << ' ' << median_us << '\n';
    return 0;
} catch (const std::exception& error) {
    std::cerr << "native_loop: " << error.what() << '\n';
    return 1;
}
