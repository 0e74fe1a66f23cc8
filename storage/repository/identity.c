/* Identity files: the secret half of a recipient, kept by a person. */
#include "storage/repository/key_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One identity a file, so that which one was meant is never a question. */
enum hf_status hf_identity_parse(const struct hf_secret *identity, struct hf_secret **out,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) sk = NULL;
    const char *text = hf_secret_text(identity);
    const char *end = text + identity->len;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((stop ? stop : end) - line);
        const char *next = stop ? stop + 1 : end;
        while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
            len--;
        if (len > 0 && line[0] != '#') {
            if (sk)
                return hf_error_set(err, HF_USAGE, "the identity file holds more than one line");
            HF_TRY(hf_secret_new(NULL, HF_KEY_SIZE, &sk, err));
            if (hf_key_text_decode(HF_IDENTITY_PREFIX, line, len, sk->data, err) != HF_OK)
                return hf_error_prefix(err, "the identity file holds no identity");
        }
        line = next;
    }
    if (!sk)
        return hf_error_set(err, HF_USAGE, "the identity file holds no line that begins with %s",
                            HF_IDENTITY_PREFIX);
    *out = sk;
    sk = NULL;
    return HF_OK;
}

enum hf_status hf_identity_new(struct hf_secret **out_identity, char **out_recipient,
                               struct hf_error *err)
{
    enum { TEXT = 3 * HF_KEY_TEXT_MAX };
    HF_AUTO_PTR(hf_secret) sk = NULL;
    HF_AUTO_PTR(hf_secret) text = NULL;
    HF_TRY(hf_secret_new(NULL, HF_KEY_SIZE, &sk, err));
    HF_TRY(hf_secret_new(NULL, TEXT, &text, err));
    uint8_t pk[HF_KEY_SIZE];
    (void)crypto_box_keypair(pk, sk->data);

    char recipient[HF_KEY_TEXT_MAX];
    hf_key_text_encode(HF_RECIPIENT_PREFIX, pk, recipient);
    int n = snprintf((char *)text->data, TEXT, "# holdfast identity; its recipient is\n# %s\n",
                     recipient);
    char *at = (char *)text->data + n;
    hf_key_text_encode(HF_IDENTITY_PREFIX, sk->data, at);
    at[strlen(at)] = '\n'; /* the block is all zeroes behind */
    text->len = strlen((char *)text->data);

    HF_TRY(hf_text_copy(recipient, out_recipient, err));
    *out_identity = text;
    text = NULL;
    return HF_OK;
}
