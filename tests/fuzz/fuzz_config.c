/* The configuration: YAML, substitution, tables of keys, connection strings. */
#include "agent/config/config.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    return name[0] == 'A' ? "value" : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)argc;
    (void)argv;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_config) config = NULL;

    (void)(hf_config_parse("f", ".", data, size, lookup, NULL, &config, &err) == HF_OK);
    return 0;
}
