// OpenSSL 3, libcrypto only: digests, HMAC, random bytes, constant-time comparison.
// Every function that Cryptography calls imports as it is; nothing needs wrapping.
#pragma once

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
