// Answers with the ids that llama.cpp gives to texts, for compare.py.
//
//     llama-ids MODEL.gguf
//
// Input: of each text, its length in bytes (32 bits, little-endian; the highest
// bit set if spellings of special tokens count) and the text. Output: of each,
// the number of ids and the ids, 32 bits each.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "llama.h"

static void onlyErrors(ggml_log_level level, const char * text, void *) {
    if (level == GGML_LOG_LEVEL_ERROR) {
        fputs(text, stderr);
    }
}

int main(int argc, char ** argv) {
    if (argc != 2) {
        fputs("usage: llama-ids MODEL.gguf\n", stderr);
        return 2;
    }
    llama_log_set(onlyErrors, nullptr);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    llama_model * model = llama_model_load_from_file(argv[1], params);
    if (model == nullptr) {
        return 3;
    }
    const llama_vocab * vocab = llama_model_get_vocab(model);
    uint32_t head;
    while (fread(&head, sizeof head, 1, stdin) == 1) {
        const bool special = head >> 31;
        std::string text(head & 0x7FFFFFFF, '\0');
        if (fread(text.data(), 1, text.size(), stdin) != text.size()) {
            return 3;
        }
        std::vector<llama_token> ids(text.size() + 8);
        const int32_t n = llama_tokenize(vocab, text.data(), text.size(), ids.data(), ids.size(), false, special);
        if (n < 0) {
            return 3;
        }
        fwrite(&n, sizeof n, 1, stdout);
        fwrite(ids.data(), sizeof ids[0], n, stdout);
        fflush(stdout);
    }
    return 0;
}
