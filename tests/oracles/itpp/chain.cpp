// Modulation and soft demodulation by IT++ on given bits, noise and gains.
//
//   chain MODULATION BITS_PER_SYMBOL NOISE_VARIANCE < input > output
//
// MODULATION is qam, psk or bpsk. The input is raw doubles: the bits of all symbols, then real and imaginary
// part of the noise of unit variance of each symbol, then of the gain of each symbol. The output is raw
// doubles: real and imaginary parts of the symbols, of the received symbols, then the LLRs of all bits in the
// order of the bits, exact (LOGMAP), then their maximum approximation (APPROX).
#include <cmath>
#include <complex>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <itpp/itcomm.h>

namespace {

using Modulator = itpp::Modulator<std::complex<double>>;

std::unique_ptr<Modulator> make_modulator(const std::string& name, int points)
{
  if (name == "qam") return std::make_unique<itpp::QAM>(points);
  if (name == "psk") return std::make_unique<itpp::PSK>(points);
  if (name == "bpsk") return std::make_unique<itpp::BPSK_c>();
  throw std::invalid_argument("unknown modulation " + name);
}

std::vector<double> read_doubles(std::istream& stream)
{
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  std::vector<double> values(bytes.size() / sizeof(double));
  bytes.copy(reinterpret_cast<char*>(values.data()), values.size() * sizeof(double));
  return values;
}

itpp::cvec complex_at(const std::vector<double>& values, int start, int count)
{
  itpp::cvec result(count);
  for (int i = 0; i < count; i++)
    result(i) = {values[start + 2 * i], values[start + 2 * i + 1]};
  return result;
}

void write(const double* values, int count)
{
  std::cout.write(reinterpret_cast<const char*>(values), count * sizeof(double));
}

void write(const itpp::cvec& values)
{
  write(reinterpret_cast<const double*>(values._data()), 2 * values.size());
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 4) return EXIT_FAILURE;
  const int width = std::stoi(argv[2]);
  const double noise_variance = std::stod(argv[3]);
  const auto modulator = make_modulator(argv[1], 1 << width);

  const auto input = read_doubles(std::cin);
  const int symbols = static_cast<int>(input.size()) / (width + 4);
  itpp::bvec bits(symbols * width);
  for (int i = 0; i < bits.size(); i++) bits(i) = static_cast<int>(input[i]);
  const itpp::cvec noise = complex_at(input, bits.size(), symbols);
  const itpp::cvec gain = complex_at(input, bits.size() + 2 * symbols, symbols);

  const itpp::cvec sent = modulator->modulate_bits(bits);
  const itpp::cvec received = itpp::elem_mult(gain, sent) + std::sqrt(noise_variance) * noise;
  write(sent);
  write(received);
  for (const auto method : {itpp::LOGMAP, itpp::APPROX}) {
    const itpp::vec llr = modulator->demodulate_soft_bits(received, gain, noise_variance, method);
    write(llr._data(), llr.size());
  }
  return EXIT_SUCCESS;
}
