// The uncoded chain by IT++: random bits, QAM, noise, LLRs, decisions, errors.
//
//   itpp BITS_PER_SYMBOL DEMAPPER NOISE_VARIANCE SEED
//
// Writes "ready VERSION", then answers each line "BITS BATCHES" with the errors among so many bits.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include <itpp/itcomm.h>

int main(int argc, char** argv)
{
  if (argc != 5) return EXIT_FAILURE;
  const itpp::QAM modem(1 << std::stoi(argv[1]));
  const auto method = std::string(argv[2]) == "app" ? itpp::LOGMAP : itpp::APPROX;
  const double noise_variance = std::stod(argv[3]);
  itpp::RNG_reset(static_cast<unsigned int>(std::stoul(argv[4])));
  std::cout << "ready " << itpp::itpp_version() << std::endl;

  long bits, batches;
  while (std::cin >> bits >> batches) {
    long errors = 0;
    for (; batches > 0; batches--) {
      const itpp::bvec sent = itpp::randb(static_cast<int>(bits));
      itpp::cvec received = modem.modulate_bits(sent);
      received += std::sqrt(noise_variance) * itpp::randn_c(received.size());
      const itpp::vec llr = modem.demodulate_soft_bits(received, noise_variance, method);
      for (int k = 0; k < llr.size(); k++)
        errors += (llr(k) < 0) != (sent(k) == itpp::bin(1));  // its LLRs are ln P(0)/P(1)
    }
    std::cout << errors << std::endl;
  }
  return EXIT_SUCCESS;
}
