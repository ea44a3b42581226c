/*
 * Asks the Nitro Secure Module for an attestation document: what a Coterie node in a Nitro enclave starts for each quote.
 *
 *   stdin    the request as the module takes it, CBOR, at most 4096 bytes:
 *            {"Attestation": {"user_data": bytes or null, "nonce": bytes or null, "public_key": bytes or null}}
 *   stdout   the document and nothing else
 *   stderr   one line for people when there is no document
 *   status   0 with a document, 1 when the module says no, 2 when it cannot be asked
 *
 * Build it into the image:  cc -O2 -Wall -Wextra -o /usr/local/bin/coterie-nsm nsm-helper.c
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* linux/nsm.h: one message is two buffers, and the module sets the length of the second. */
struct nsm_message {
  struct iovec request;
  struct iovec response;
};
#define NSM_IOCTL _IOWR(0x0A, 0, struct nsm_message)
#define REQUEST_MAX 0x1000
#define RESPONSE_MAX 0x3000

static int fail(int status, const char *what, const char *why) {
  fprintf(stderr, "coterie-nsm: %s: %s\n", what, why);
  return status;
}

/* Reads stdin to its end; -1 if there is more than fits. */
static ssize_t read_all(uint8_t *bytes, size_t max) {
  size_t length = 0;
  for (;;) {
    uint8_t more;
    ssize_t got = length < max ? read(STDIN_FILENO, bytes + length, max - length)
                               : read(STDIN_FILENO, &more, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return (ssize_t)length;
    if (got < 0 || length == max) return -1;
    length += (size_t)got;
  }
}

static int write_all(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t put = write(STDOUT_FILENO, bytes, length);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return -1;
    bytes += put;
    length -= (size_t)put;
  }
  return 0;
}

/* A place in an answer. */
struct cursor {
  const uint8_t *at;
  size_t left;
};

/* Passes over a map with one entry, with its length in front or without (RFC 8949 section 3.2.2). */
static int enter_map(struct cursor *c) {
  if (c->left == 0 || (*c->at != 0xa1 && *c->at != 0xbf)) return -1;
  c->at++;
  c->left--;
  return 0;
}

/* Passes over a string of one major type and says where its bytes are. */
static int take_string(struct cursor *c, uint8_t major, struct cursor *string) {
  if (c->left == 0 || *c->at >> 5 != major) return -1;
  unsigned shape = *c->at & 0x1f;
  size_t width = shape < 24 ? 0 : (size_t)1 << (shape - 24), length = shape;
  if (shape > 26 || c->left <= width) return -1;
  if (width > 0) length = 0;
  for (size_t i = 1; i <= width; i++) length = length << 8 | c->at[i];
  if (length > c->left - 1 - width) return -1;
  string->at = c->at + 1 + width;
  string->left = length;
  c->at = string->at + length;
  c->left -= 1 + width + length;
  return 0;
}

static int is(const struct cursor *text, const char *word) {
  return text->left == strlen(word) && memcmp(text->at, word, text->left) == 0;
}

/* Writes the document of an answer, or why there is none. */
static int answer(struct cursor c) {
  struct cursor key, value;
  if (enter_map(&c) != 0 || take_string(&c, 3, &key) != 0) return fail(1, "answer", "not understood");
  if (is(&key, "Error")) {
    char name[64] = {0};
    if (take_string(&c, 3, &value) != 0) return fail(1, "answer", "an error without a name");
    for (size_t i = 0; i < value.left && i + 1 < sizeof name; i++) {
      name[i] = value.at[i] >= 0x20 && value.at[i] < 0x7f ? (char)value.at[i] : '?';
    }
    return fail(1, "the module refuses", name);
  }
  if (!is(&key, "Attestation") || enter_map(&c) != 0) return fail(1, "answer", "to another question");
  if (take_string(&c, 3, &key) != 0 || !is(&key, "document")) return fail(1, "answer", "no document");
  if (take_string(&c, 2, &value) != 0 || value.left == 0) return fail(1, "answer", "no document");
  return write_all(value.at, value.left) == 0 ? 0 : fail(2, "stdout", strerror(errno));
}

int main(void) {
  static uint8_t request[REQUEST_MAX], response[RESPONSE_MAX];
  ssize_t length = read_all(request, sizeof request);
  if (length <= 0) return fail(2, "stdin", length == 0 ? "no request" : "too long or unreadable");
  int device = open("/dev/nsm", O_RDWR | O_CLOEXEC);
  if (device < 0) return fail(2, "/dev/nsm", strerror(errno));
  struct nsm_message message = {
    .request = {.iov_base = request, .iov_len = (size_t)length},
    .response = {.iov_base = response, .iov_len = sizeof response},
  };
  int asked = ioctl(device, NSM_IOCTL, &message);
  int reason = errno;
  close(device);
  if (asked != 0) return fail(2, "/dev/nsm", reason == EMSGSIZE ? "the request is too long" : strerror(reason));
  if (message.response.iov_len > sizeof response) return fail(2, "/dev/nsm", "an impossible length");
  return answer((struct cursor){.at = response, .left = message.response.iov_len});
}
