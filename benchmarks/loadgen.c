/* The benchmarks' load generator: Socket.IO v5 clients over WebSocket or HTTP polling, all in one thread.
 *
 * It connects a number of clients to a server on the loopback interface, lets them work in one of the modes below,
 * asks the kernel what that cost the server's process (its children included), and prints one JSON object. An answer
 * that is not what the servers in servers/ give ends it with a message and the exit code 1: a figure is of work that
 * was done rightly.
 *
 * Build: cc -O2 -Wall -Wextra -o loadgen loadgen.c        Options: loadgen --help
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RING 64              /* times of requests that are remembered, per client: the most that may be in flight */
#define READ_SIZE 4096       /* what a connection's input has room for at first; it grows while reads fill it */
#define READ_LIMIT (1 << 20) /* and no further than this, unless one message is larger */
#define PATIENCE 60.0        /* seconds that connecting and disconnecting may take */
#define SILENCE 5.0          /* seconds after which a broadcast that has not come is given up */
#define DIGITS 10            /* of a broadcast's number, with which its text begins where one may be lost */

static const char HELP[] =
    "usage: loadgen --mode MODE --port PORT --pid PID [options]\n"
    "\n"
    "modes:\n"
    "  connect      open the clients and leave them open\n"
    "  echo         every client keeps --in-flight requests going, for --seconds; or --requests in all, at once\n"
    "  fanout       one client publishes to all, --in-flight broadcasts at a time, for --seconds or --broadcasts\n"
    "  idle         hold the clients open for --seconds, after --exchanges requests of each\n"
    "  disconnect   ask the server to disconnect all clients at once\n"
    "  cluster      the first client publishes every --pace ms to a room that all others are in, for --seconds; they\n"
    "               are on the server --to-port --to-pid, if given; --in-flight bounds the broadcasts under way\n"
    "\n"
    "options:\n"
    "  --clients N      how many (100)                     --in-flight P    at a time, per client or in all (1)\n"
    "  --seconds T      how long to measure (3)            --warmup T       and how long to work before (0.5)\n"
    "  --size BYTES     of the text in a payload (64)      --attachment B   bytes of binary data in a payload (none)\n"
    "  --event NAME     to ask (by mode: echo, publish)    --polling        HTTP polling instead of WebSocket\n"
    "  --rooms R        fanout: to one room of so many     --stalled K      fanout: so many clients stop reading\n"
    "  --broadcasts B   fanout: how many, not how long     --exchanges X    idle: requests of each client before (0)\n"
    "  --requests R     echo: how many, not how long       --concurrency C  clients that connect at a time (50)\n"
    "  --path PATH      (/socket.io/)                      --zero-mask      mask WebSocket frames with zeros\n"
    "  --to-port PORT   cluster: another server            --to-pid PID     and its process\n"
    "  --pace MS        cluster: between broadcasts (10)   --vacant         cluster: nobody enters the room\n";

enum mode { CONNECT, ECHO, FANOUT, IDLE, DISCONNECT, CLUSTER };
static const char *const MODES[] = {"connect", "echo", "fanout", "idle", "disconnect", "cluster"};

static struct {
    int mode, port, pid, to_port, to_pid, clients, in_flight, attachment, rooms, stalled, exchanges, concurrency;
    long size, broadcasts, requests;
    double seconds, warmup, pace;
    bool polling, zero_mask, vacant;
    const char *event, *path;
} options = {.mode = -1, .clients = 100, .in_flight = 1, .size = 64, .concurrency = 50, .seconds = 3, .warmup = 0.5,
             .pace = 10, .path = "/socket.io/"};

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* ---- Time, and what the server has used ---- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Call `add` for a process and all below it. */
static void each_process(int pid, void (*add)(int pid, double *sum), double *sum)
{
    char path[64];
    add(pid, sum);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "r");
    int child;
    while (file && fscanf(file, "%d", &child) == 1)
        each_process(child, add, sum);
    if (file)
        fclose(file);
}

static void add_cpu(int pid, double *sum)
{
    clockid_t clock;
    struct timespec used;
    if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &used))
        *sum += (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void add_memory(int pid, double *sum)
{
    char path[64];
    long resident;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    if (fscanf(file, "%*d %ld", &resident) == 1)
        *sum += (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
    fclose(file);
}

/* Seconds of processor time that a server has used until now, in user and system mode; none if there is no such. */
static double server_cpu(int pid)
{
    double sum = 0;
    if (pid)
        each_process(pid, add_cpu, &sum);
    return sum;
}

/* KiB of memory that the server has in RAM. */
static double server_memory(void)
{
    double sum = 0;
    each_process(options.pid, add_memory, &sum);
    return sum;
}

/* ---- Latencies: a histogram with buckets of 1/32 of their octave, from a microsecond on ---- */

#define STEPS 32
#define BUCKETS (STEPS * 40)

struct histogram {
    long count, buckets[BUCKETS];
};

static void record(struct histogram *histogram, double seconds)
{
    uint64_t value = seconds > 0 ? (uint64_t)(seconds * 1e6 * STEPS) : 0;
    int bucket = (int)value;
    if (value >= STEPS) {
        int octave = 63 - __builtin_clzll(value) - 5; /* 5: the bits of STEPS */
        bucket = (octave + 1) * STEPS + (int)((value >> octave) & (STEPS - 1));
    }
    histogram->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    histogram->count++;
}

/* Milliseconds below which this share of what was recorded lies. */
static double percentile(const struct histogram *histogram, double share)
{
    long rest = (long)((double)histogram->count * share);
    int bucket = 0;
    while (bucket < BUCKETS - 1 && rest >= histogram->buckets[bucket])
        rest -= histogram->buckets[bucket++];
    uint64_t value = (uint64_t)bucket;
    if (bucket >= STEPS)
        value = (uint64_t)(bucket % STEPS + STEPS) << (bucket / STEPS - 1);
    return histogram->count ? (double)value / STEPS / 1e3 : 0;
}

/* ---- Buffers ---- */

struct buffer {
    char *bytes;
    size_t length, capacity;
};

static void reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->length >= more)
        return;
    buffer->capacity = buffer->length + more > 2 * buffer->capacity ? buffer->length + more : 2 * buffer->capacity;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (!buffer->bytes)
        fail("out of memory");
}

static void append(struct buffer *buffer, const void *bytes, size_t length)
{
    reserve(buffer, length);
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    reserve(buffer, (size_t)length + 1);
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, again);
    buffer->length += (size_t)length;
    va_end(arguments);
    va_end(again);
}

/* Forget what stands first. */
static void consume(struct buffer *buffer, size_t length)
{
    buffer->length -= length;
    memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}

/* ---- Clients ---- */

struct client;

/* One TCP connection. A client has one WebSocket, or two for polling: one asks for messages, the other posts them. */
struct link {
    struct client *client;
    int fd;
    bool waits_to_write;
    struct buffer in, out;
};

struct client {
    struct link link, post;
    bool upgraded, stalled, posting, closing, gone;
    char sid[64];                /* polling: the session */
    struct buffer queue;         /* polling: packets for the next POST */
    int attachments;             /* binary messages that the packet before them still needs */
    bool attached_ack;           /* what that packet is: an acknowledgement or an event */
    long attached_id;
    long next_id;                /* of the next request */
    long received;               /* broadcasts; cluster: the number of the next */
    double sent_at[RING];        /* when the requests began, by their id */
};

static struct client *clients;
static int epoll;

static struct {
    int begun, connected, ended, dropped; /* clients */
    long answers, deliveries, published;
    long missed;                          /* broadcasts that did not come where a later one has, by client */
    double due;                           /* cluster: when the next broadcast is */
    double ending_since, last_end;        /* when disconnecting began, and when the last client was */
    double published_at[RING];
    bool ending;                          /* the server is to close the connections */
    bool asking;                          /* an answer leads to the next request */
    bool publishing;                      /* a delivery leads to the next broadcast */
    struct histogram latency, connecting;
} run;

static struct buffer request_body, join_body, attachment, attachment_base64;
static size_t number_at;                  /* where in the request the number of a broadcast stands */

static void publish_more(void);
static void ask(struct client *client);

/* ---- Writing ---- */

static void watch(struct link *link, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = link};
    if (epoll_ctl(epoll, operation, link->fd, &event))
        fail("epoll_ctl: %s", strerror(errno));
}

/* Write what the kernel takes; the rest when it takes more. */
static void flush(struct link *link)
{
    while (link->out.length) {
        ssize_t count = send(link->fd, link->out.bytes, link->out.length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN) {
            if (!run.ending && !link->client->stalled)
                fail("a request could not be sent: %s", strerror(errno));
            link->out.length = 0; /* its end is read soon */
            break;
        }
        if (count < 0)
            break;
        consume(&link->out, (size_t)count);
    }
    bool waits = link->out.length > 0;
    if (waits != link->waits_to_write && !link->client->stalled)
        watch(link, EPOLL_CTL_MOD, EPOLLIN | (waits ? EPOLLOUT : 0));
    link->waits_to_write = waits;
}

static uint32_t next_mask(void)
{
    static uint32_t state = 2463534242u; /* xorshift: masks need to differ, not to be secret */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return options.zero_mask ? 0 : state;
}

static void xor_mask(char *to, const char *from, size_t length, uint32_t mask)
{
    uint64_t wide = (uint64_t)mask << 32 | mask, word;
    size_t done = 0;
    for (; done + 8 <= length; done += 8) {
        memcpy(&word, from + done, 8);
        word ^= wide;
        memcpy(to + done, &word, 8);
    }
    for (; done < length; done++)
        to[done] = (char)(from[done] ^ ((const char *)&mask)[done & 3]);
}

/* Append a WebSocket frame, masked as a client must. */
static void append_frame(struct buffer *out, int opcode, const char *bytes, size_t length)
{
    unsigned char header[14] = {(unsigned char)(0x80 | opcode)};
    size_t size = 2;
    int extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    header[1] = (unsigned char)(0x80 | (extended == 0 ? length : extended == 2 ? 126 : 127));
    for (int byte = extended - 1; byte >= 0; byte--)
        header[size++] = (unsigned char)((uint64_t)length >> (8 * byte));
    uint32_t mask = next_mask();
    memcpy(header + size, &mask, 4);
    append(out, header, size + 4);
    reserve(out, length);
    xor_mask(out->bytes + out->length, bytes, length, mask);
    out->length += length;
}

static void append_http(struct link *link, const char *method, const struct buffer *body)
{
    const struct client *client = link->client;
    append_format(&link->out, "%s %s?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", method,
                  options.path, *client->sid ? "&sid=" : "", client->sid, options.port);
    if (body)
        append_format(&link->out, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", body->length);
    append(&link->out, "\r\n", 2);
    if (body)
        append(&link->out, body->bytes, body->length);
    flush(link);
}

/* Post the packets that wait, unless a POST is under way: real clients send one at a time. */
static void post_queue(struct client *client)
{
    if (client->posting || !client->queue.length)
        return;
    append_http(&client->post, "POST", &client->queue);
    client->queue.length = 0;
    client->posting = true;
}

static void queue_packet(struct client *client, const char *bytes, size_t length)
{
    if (client->queue.length)
        append(&client->queue, "\x1e", 1);
    append(&client->queue, bytes, length);
}

/* Send one packet of Engine.IO, with the attachment behind it if it has one. */
static void send_packet(struct client *client, const char *bytes, size_t length, bool attached)
{
    if (options.polling) {
        queue_packet(client, bytes, length);
        if (attached)
            queue_packet(client, attachment_base64.bytes, attachment_base64.length);
        post_queue(client);
        return;
    }
    append_frame(&client->link.out, 1, bytes, length);
    if (attached)
        append_frame(&client->link.out, 2, attachment.bytes, attachment.length);
    flush(&client->link);
}

static void send_event(struct client *client, const struct buffer *body, bool attached)
{
    static struct buffer packet;
    packet.length = 0;
    append_format(&packet, attached ? "451-%ld" : "42%ld", client->next_id);
    append(&packet, body->bytes, body->length);
    client->sent_at[client->next_id++ % RING] = now();
    send_packet(client, packet.bytes, packet.length, attached);
}

static void ask(struct client *client)
{
    send_event(client, &request_body, attachment.length > 0);
}

/* ---- What comes ---- */

static void on_ended(struct client *client)
{
    if (client->gone)
        return;
    if (!run.ending && !client->stalled)
        fail("the server closed a connection");
    client->gone = true;
    close(client->link.fd);
    if (client->stalled)
        run.dropped++;
    else
        run.ended++;
    run.last_end = now();
    if (run.ending)
        record(&run.latency, run.last_end - run.ending_since);
}

static void on_answer(struct client *client, long id)
{
    run.answers++;
    if (options.mode != FANOUT && options.mode != CLUSTER)
        record(&run.latency, now() - client->sent_at[id % RING]);
    if (run.asking)
        ask(client);
}

/* Each client must have every broadcast once, in order; those that are missing are counted when the next one comes. */
static void on_numbered(struct client *client, long number)
{
    if (number < client->received || number >= run.published)
        fail("broadcast %ld came twice, or out of order", number);
    run.missed += number - client->received;
    run.deliveries++;
    record(&run.latency, now() - run.published_at[number % RING]);
    client->received = number + 1;
}

static void on_delivery(struct client *client)
{
    if (!client->stalled) {
        run.deliveries++;
        record(&run.latency, now() - run.published_at[client->received % RING]);
    }
    client->received++;
}

/* Close the WebSocket, once: as the official client does when it is disconnected, and when the server closes it. */
static void leave(struct client *client)
{
    if (!client->closing)
        append_frame(&client->link.out, 8, "\x03\xe8", 2);
    client->closing = true;
    flush(&client->link);
}

/* A message of Socket.IO: its type stands first. */
static void on_message(struct client *client, const char *text, size_t length)
{
    const char *end = text + length, *place = text + 1;
    char type = *text;
    if (type == '0') {
        run.connected++;
        record(&run.connecting, now() - client->sent_at[0]);
        return;
    }
    if (type == '1') {
        if (!run.ending && !client->stalled)
            fail("the server disconnected a client");
        leave(client);
        return;
    }
    if (type == '4')
        fail("the server refused a client: %.*s", (int)length, text);
    int attachments = 0;
    if (type == '5' || type == '6') {
        while (place < end && *place != '-')
            attachments = attachments * 10 + (*place++ - '0');
        place++;
    }
    long id = 0;
    while (place < end && *place >= '0' && *place <= '9')
        id = id * 10 + (*place++ - '0');
    bool ack = type == '3' || type == '6';
    const char *expected = ack ? "[{\"status\":\"ok\"" : "[\"msg\",{";
    size_t expected_length = strlen(expected);
    /* What publishing and joining answer has no data. */
    bool whole = options.mode == FANOUT || (options.mode == CLUSTER && ack) || end - place > options.size;
    if ((size_t)(end - place) < expected_length || memcmp(place, expected, expected_length) || !whole)
        fail("unexpected message of %zu bytes: %.*s", length, (int)(length < 200 ? length : 200), text);
    client->attachments = attachments;
    client->attached_ack = ack;
    client->attached_id = id;
    if (attachments)
        return;
    if (ack)
        on_answer(client, id);
    else if (options.mode == CLUSTER)
        on_numbered(client, strtol(place + strlen("[\"msg\",{\"name\":\""), NULL, 10));
    else
        on_delivery(client);
}

static void on_attachment(struct client *client, size_t length, size_t expected)
{
    if (!client->attachments || length != expected)
        fail("unexpected attachment of %zu bytes", length);
    if (--client->attachments)
        return;
    if (client->attached_ack)
        on_answer(client, client->attached_id);
    else
        on_delivery(client);
}

/* A packet of Engine.IO, as text. */
static void on_packet(struct client *client, const char *text, size_t length)
{
    switch (length ? *text : 0) {
    case '0':
        if (options.polling) {
            const char *found = memmem(text, length, "\"sid\":\"", 7);
            if (!found || sscanf(found + 7, "%63[^\"]", client->sid) != 1)
                fail("no session id in %.*s", (int)length, text);
        }
        send_packet(client, "40", 2, false);
        break;
    case '2':
        send_packet(client, "3", 1, false);
        break;
    case '4':
        if (length < 2)
            fail("an empty message");
        on_message(client, text + 1, length - 1);
        break;
    case 'b':
        on_attachment(client, length, attachment_base64.length);
        break;
    case '1': /* close */
    case '6': /* noop */
        break;
    default:
        fail("unexpected packet of %zu bytes: %.*s", length, (int)(length < 200 ? length : 200), text);
    }
}

static void on_frame(struct client *client, int head, const char *bytes, size_t length)
{
    switch (head) {
    case 0x81:
        on_packet(client, bytes, length);
        break;
    case 0x82:
        on_attachment(client, length, attachment.length);
        break;
    case 0x88:
        leave(client);
        break;
    case 0x89:
        append_frame(&client->link.out, 10, bytes, length);
        flush(&client->link);
        break;
    case 0x8a:
        break;
    default:
        fail("a frame that servers do not send: %#x", head);
    }
}

/* Take the frames that are there; how many bytes they are. */
static size_t read_frames(struct client *client, const char *bytes, size_t length)
{
    size_t done = 0;
    while (length - done >= 2 && !client->gone) {
        const unsigned char *frame = (const unsigned char *)bytes + done;
        size_t header = 2, size = frame[1] & 127;
        size_t extended = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (length - done < header + extended)
            break;
        if (extended)
            size = 0;
        for (size_t byte = 0; byte < extended; byte++)
            size = size << 8 | frame[header++];
        if (length - done < header + size)
            break;
        on_frame(client, frame[0], (const char *)frame + header, size);
        done += header + size;
    }
    return done;
}

struct answer {
    char *body;
    size_t length; /* of the body */
    size_t whole;  /* with the head, as it came */
};

/* The value of a header, or NULL; `end` is where the head ends. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line))) && ++line < end;)
        if (!strncasecmp(line, name, length) && line[length] == ':')
            return line + length + 1;
    return NULL;
}

/* Put the chunks of a body together, where they stand. Whether it is whole. */
static bool join_chunks(struct answer *answer, char *end)
{
    size_t length = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first only looks whether all is there */
        char *place = answer->body;
        for (length = 0;;) {
            char *line_end = memmem(place, (size_t)(end - place), "\r\n", 2);
            if (!line_end)
                return false;
            size_t size = strtoul(place, NULL, 16);
            char *chunk = line_end + 2;
            if ((size_t)(end - chunk) < size + 2)
                return false;
            if (pass)
                memmove(answer->body + length, chunk, size);
            length += size;
            place = chunk + size + 2;
            if (!size)
                break;
        }
        answer->whole += pass ? (size_t)(place - answer->body) : 0;
    }
    answer->length = length;
    return true;
}

/* Take the HTTP answer that stands first. Whether it is whole. */
static bool http_answer(char *bytes, size_t length, int status, struct answer *answer)
{
    char *end = memmem(bytes, length, "\r\n\r\n", 4);
    int answered = 0;
    if (!end)
        return false;
    if (sscanf(bytes, "HTTP/1.1 %d", &answered) != 1 || answered != status)
        fail("answered %.*s", (int)(length < 200 ? length : 200), bytes);
    const char *size = header(bytes, end, "content-length");
    *answer = (struct answer){.body = end + 4, .whole = (size_t)(end + 4 - bytes)};
    if (status == 101)
        return true;
    if (!size && header(bytes, end, "transfer-encoding"))
        return join_chunks(answer, bytes + length);
    if (!size)
        fail("an answer without Content-Length");
    answer->length = strtoul(size, NULL, 10);
    answer->whole += answer->length;
    return answer->whole <= length;
}

static void on_poll_answered(struct client *client, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while (bytes < end) {
        const char *separator = memchr(bytes, '\x1e', (size_t)(end - bytes));
        const char *stop = separator ? separator : end;
        on_packet(client, bytes, (size_t)(stop - bytes));
        bytes = stop + 1;
    }
    append_http(&client->link, "GET", NULL);
}

/* Take the HTTP answers that are there; how many bytes they are. */
static size_t read_answers(struct link *link)
{
    struct client *client = link->client;
    struct answer answer;
    size_t done = 0;
    while (done < link->in.length &&
           http_answer(link->in.bytes + done, link->in.length - done, 200, &answer)) {
        if (link == &client->link) {
            on_poll_answered(client, answer.body, answer.length);
        } else {
            client->posting = false;
            post_queue(client);
        }
        done += answer.whole;
    }
    return done;
}

static size_t read_websocket(struct client *client)
{
    struct buffer *in = &client->link.in;
    struct answer answer = {0};
    if (!client->upgraded) {
        if (!http_answer(in->bytes, in->length, 101, &answer))
            return 0;
        client->upgraded = true;
    }
    return answer.whole + read_frames(client, in->bytes + answer.whole, in->length - answer.whole);
}

static void on_readable(struct link *link)
{
    struct buffer *in = &link->in;
    if (in->length + 1 >= in->capacity) /* one byte stays free, for the zero that ends the text */
        reserve(in, in->capacity ? in->capacity : READ_SIZE);
    size_t room = in->capacity - in->length - 1;
    ssize_t count = recv(link->fd, in->bytes + in->length, room, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        on_ended(link->client);
        return;
    }
    in->length += (size_t)count;
    in->bytes[in->length] = 0;
    size_t done = options.polling ? read_answers(link) : read_websocket(link->client);
    if (link->client->gone)
        return;
    consume(in, done);
    if ((size_t)count == room && in->capacity < READ_LIMIT)
        reserve(in, in->capacity + 1);
}

/* One turn of the loop: wait for at most so many milliseconds, and take what came. */
static void turn(int milliseconds)
{
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, milliseconds);
    for (int index = 0; index < count; index++) {
        struct link *link = events[index].data.ptr;
        if (link->client->gone)
            continue;
        if (events[index].events & EPOLLOUT)
            flush(link);
        if (link->client->stalled && events[index].events & (EPOLLHUP | EPOLLERR))
            on_ended(link->client);
        else if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(link);
    }
}

static void work_for(double seconds)
{
    for (double end = now() + seconds; now() < end;) {
        turn(10);
        if (run.publishing)
            publish_more();
    }
}

/* ---- Connecting ---- */

static void open_link(struct link *link, struct client *client)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (options.to_port && client != clients)
        address.sin_port = htons((uint16_t)options.to_port);
    link->client = client;
    link->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (link->fd < 0 || connect(link->fd, (struct sockaddr *)&address, sizeof address))
        fail("no connection to port %d: %s", ntohs(address.sin_port), strerror(errno));
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(link->fd, F_SETFL, O_NONBLOCK);
    watch(link, EPOLL_CTL_ADD, EPOLLIN);
}

static void open_client(struct client *client)
{
    client->sent_at[0] = now();
    open_link(&client->link, client);
    if (options.polling) {
        open_link(&client->post, client);
        append_http(&client->link, "GET", NULL);
        return;
    }
    append_format(&client->link.out,
                  "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n",
                  options.path, options.port);
    flush(&client->link);
}

static void connect_all(void)
{
    double end = now() + PATIENCE;
    while (run.connected < options.clients) {
        while (run.begun < options.clients && run.begun - run.connected < options.concurrency)
            open_client(&clients[run.begun++]);
        turn(100);
        if (now() > end)
            fail("only %d of %d clients were connected", run.connected, options.clients);
    }
}

/* ---- The modes ---- */

struct span { /* from begin() to finish() */
    double time, cpu, to_cpu, memory;
};

static struct span begin(void)
{
    return (struct span){now(), server_cpu(options.pid), server_cpu(options.to_pid), server_memory()};
}

static struct span finish(struct span from)
{
    struct span until = begin();
    return (struct span){until.time - from.time, until.cpu - from.cpu, until.to_cpu - from.to_cpu,
                         until.memory - from.memory};
}

/* The figures of a span in which so many operations were done. */
static void print_span(struct span span, long operations)
{
    printf(", \"seconds\": %.3f, \"operations\": %ld, \"rate\": %.1f", span.time, operations,
           (double)operations / span.time);
    printf(", \"cpu_us\": %.3f, \"utilization\": %.3f", operations ? span.cpu * 1e6 / (double)operations : 0,
           span.cpu / span.time);
    printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f", percentile(&run.latency, 0.5), percentile(&run.latency, 0.99));
}

static void forget_latencies(void)
{
    memset(&run.latency, 0, sizeof run.latency);
}

static void measure_echo(void)
{
    run.asking = true;
    for (int index = 0; index < options.clients; index++)
        for (int request = 0; request < options.in_flight; request++)
            ask(&clients[index]);
    if (!options.requests)
        work_for(options.warmup);
    forget_latencies();
    long before = run.answers;
    struct span from = begin();
    if (options.requests)
        while (run.answers - before < options.requests)
            turn(10);
    else
        work_for(options.seconds);
    print_span(finish(from), run.answers - before);
}

static int receivers(void)
{
    return options.clients - options.stalled;
}

/* Publish until so many broadcasts are under way as are asked for: one is until all receivers have it. */
static void publish_more(void)
{
    while (run.published * receivers() - run.deliveries <= (long)(options.in_flight - 1) * receivers()) {
        if (options.broadcasts && run.published == options.broadcasts)
            return;
        run.published_at[run.published++ % RING] = now();
        ask(&clients[0]);
    }
}

/* Every client enters the first room; the others are divided among them. */
static void join_rooms(void)
{
    long first = 1;
    for (int index = 0; index < options.clients; index++) {
        long share = (options.rooms - first) / (options.clients - index);
        long spans[2][2] = {{0, 1}, {first, share}};
        for (int span = 0; span < (share ? 2 : 1); span++) {
            join_body.length = 0;
            append_format(&join_body, "[\"join\",{\"first\":%ld,\"count\":%ld}]", spans[span][0], spans[span][1]);
            send_event(&clients[index], &join_body, false);
            run.published++;
        }
        first += share;
    }
    for (double end = now() + PATIENCE; run.answers < run.published;) {
        turn(100);
        if (now() > end)
            fail("the rooms could not be joined");
    }
    run.published = 0;
}

/* The last clients read no more. */
static void stall_clients(void)
{
    for (int index = receivers(); index < options.clients; index++) {
        clients[index].stalled = true;
        watch(&clients[index].link, EPOLL_CTL_MOD, 0);
    }
}

/* Let them read again, to learn which of them the server has ended: nothing else tells of that. */
static void resume_clients(void)
{
    if (!options.stalled)
        return;
    for (int index = receivers(); index < options.clients; index++)
        if (!clients[index].gone)
            watch(&clients[index].link, EPOLL_CTL_MOD, EPOLLIN);
    work_for(1);
}

/* Work until the last broadcast has arrived; the most KiB that the server grew by meanwhile. */
static double work_through(double memory)
{
    double most = 0, looked = 0;
    while (run.deliveries < options.broadcasts * receivers()) {
        publish_more();
        turn(10);
        if (now() - looked > 0.01) {
            double growth = server_memory() - memory;
            most = growth > most ? growth : most;
            looked = now();
        }
    }
    return most;
}

/* Publish no more, until all have everything: what is counted from here to the next such point belongs together. */
static void drain(void)
{
    run.publishing = false;
    for (double end = now() + PATIENCE; run.deliveries < run.published * receivers();) {
        turn(10);
        if (now() > end)
            fail("broadcasts did not arrive");
    }
}

static void measure_fanout(void)
{
    if (options.rooms)
        join_rooms();
    stall_clients();
    if (!options.broadcasts) {
        run.publishing = true;
        work_for(options.warmup);
        drain();
    }
    forget_latencies();
    long before = run.deliveries;
    struct span from = begin();
    double growth = 0;
    if (options.broadcasts) {
        growth = work_through(from.memory);
    } else {
        run.publishing = true;
        work_for(options.seconds);
        drain();
    }
    struct span span = finish(from);
    print_span(span, run.deliveries - before);
    resume_clients();
    printf(", \"growth_kib\": %.0f, \"dropped\": %d", growth > span.memory ? growth : span.memory, run.dropped);
}

static void measure_idle(double memory_before)
{
    for (int exchange = 0; exchange < options.exchanges; exchange++)
        for (int index = 0; index < options.clients; index++) {
            long wanted = run.answers + 1;
            ask(&clients[index]);
            while (run.answers < wanted)
                turn(100);
        }
    struct span from = begin();
    work_for(options.seconds);
    struct span span = finish(from);
    printf(", \"seconds\": %.3f, \"operations\": %d, \"idle_cpu_s\": %.3f, \"utilization\": %.4f, \"rss_kib\": %.2f",
           span.time, options.clients, span.cpu, span.cpu / span.time,
           (server_memory() - memory_before) / options.clients);
}

/* Wait until the servers have done what they do after the last connection's end, or the last broadcast. */
static void settle(void)
{
    double used = server_cpu(options.pid) + server_cpu(options.to_pid);
    for (int times = 0, quiet = 0; times < 100 && quiet < 2; times++) {
        turn(50);
        usleep(50000);
        double more = server_cpu(options.pid) + server_cpu(options.to_pid);
        quiet = more - used < 0.001 ? quiet + 1 : 0; /* a millisecond: servers have timers */
        used = more;
    }
}

static void measure_disconnect(void)
{
    run.ending = true;
    struct span from = begin();
    run.ending_since = from.time;
    send_packet(&clients[0], request_body.bytes, request_body.length, false);
    while (run.ended < options.clients) {
        turn(100);
        if (now() > from.time + PATIENCE)
            fail("only %d of %d clients were disconnected", run.ended, options.clients);
    }
    settle();
    struct span span = finish(from);
    span.time = run.last_end - from.time; /* without the settling, whose work counts all the same */
    print_span(span, run.ended);
}

/* How many should receive each broadcast: all but the one that publishes. */
static int members(void)
{
    return options.vacant ? 0 : options.clients - 1;
}

/* Deliveries that may still come. */
static long outstanding(void)
{
    return run.published * members() - run.deliveries - run.missed;
}

/* Whether so many broadcasts as may be are not answered yet, or have not come everywhere. */
static bool is_busy(void)
{
    return run.published - run.answers >= options.in_flight ||
           outstanding() > (long)(options.in_flight - 1) * members();
}

static void publish_numbered(void)
{
    char number[DIGITS + 1];
    snprintf(number, sizeof number, "%0*ld", DIGITS, run.published);
    memcpy(request_body.bytes + number_at, number, DIGITS);
    run.published_at[run.published++ % RING] = now();
    ask(&clients[0]);
}

/* Publish what is due, unless too many broadcasts are under way; one that does not come is not waited for long. */
static void publish_paced(void)
{
    double time = now(), pace = options.pace / 1e3;
    while (run.due <= time && (!is_busy() || time > run.due + SILENCE)) {
        publish_numbered();
        run.due = (run.due + pace < time ? time : run.due) + pace; /* what is late is not made up for */
    }
}

/* Publish for so long, and wait until everything has come, or nothing comes any more. */
static void publish_for(double seconds)
{
    run.due = now();
    for (double end = now() + seconds; now() < end;) {
        publish_paced();
        double rest = (run.due - now()) * 1e3;
        turn(is_busy() || rest > 10 ? 10 : rest > 0 ? (int)rest + 1 : 0);
    }
    long before = -1;
    for (double heard = now(); outstanding() || run.answers < run.published; turn(10)) {
        if (before != run.deliveries + run.answers)
            heard = now();
        before = run.deliveries + run.answers;
        if (now() > heard + SILENCE)
            break;
    }
}

/* All but the first client enter the room. */
static void join_members(void)
{
    append_format(&join_body, "[\"join\",{\"first\":0,\"count\":1}]");
    for (int index = 1; index <= members(); index++)
        send_event(&clients[index], &join_body, false);
    for (double end = now() + PATIENCE; run.answers < members();) {
        turn(100);
        if (now() > end)
            fail("the room could not be joined");
    }
    run.answers = 0;
}

/* Give the server that delivers a core to itself, if there are two: else its cost differs by up to a third from one run
 * to the next, presumably by where the kernel puts the reader, and the runs cannot be compared. */
static void part_cores(void)
{
    int delivers = options.to_pid ? options.to_pid : options.pid, core = 0;
    cpu_set_t one, others;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof others, &others) || CPU_COUNT(&others) < 2)
        return;
    while (!CPU_ISSET(core, &others))
        core++;
    CPU_SET(core, &one);
    CPU_CLR(core, &others);
    if (sched_setaffinity(0, sizeof others, &others) || sched_setaffinity(delivers, sizeof one, &one) ||
        (options.to_pid && sched_setaffinity(options.pid, sizeof others, &others)))
        fail("the cores could not be parted: %s", strerror(errno));
}

static void measure_cluster(void)
{
    if (!options.vacant)
        part_cores();
    join_members();
    publish_for(options.warmup); /* servers may find each other meanwhile: what is lost now does not count */
    if (run.answers < run.published)
        fail("a broadcast was not answered");
    run.deliveries = run.published = run.answers = run.missed = 0;
    for (int index = 1; index <= members(); index++)
        clients[index].received = 0;
    forget_latencies();
    settle();
    struct span from = begin();
    publish_for(options.seconds);
    double time = now() - from.time;
    settle();
    struct span span = finish(from);
    double broadcasts = run.published ? (double)run.published : 1;
    printf(", \"seconds\": %.3f, \"operations\": %ld, \"rate\": %.1f, \"deliveries\": %ld, \"lost\": %ld", time,
           run.published, (double)run.published / time, run.deliveries, run.missed + outstanding());
    printf(", \"cpu_us\": %.3f, \"to_cpu_us\": %.3f", span.cpu * 1e6 / broadcasts, span.to_cpu * 1e6 / broadcasts);
    printf(", \"utilization\": %.3f, \"to_utilization\": %.3f", span.cpu / time, span.to_cpu / time);
    if (run.deliveries)
        printf(", \"delivery_us\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f",
               (options.to_pid ? span.to_cpu : span.cpu) * 1e6 / (double)run.deliveries,
               percentile(&run.latency, 0.5), percentile(&run.latency, 0.99));
}

/* ---- Options ---- */

enum choice {
    MODE = 1, PORT, PID, CLIENTS, IN_FLIGHT, SECONDS, WARMUP, SIZE, ATTACHMENT, EVENT, POLLING, ROOMS, STALLED,
    BROADCASTS, REQUESTS, EXCHANGES, CONCURRENCY, PATH, ZERO_MASK, TO_PORT, TO_PID, PACE, VACANT, SHOW_HELP
};

static const struct option LONG_OPTIONS[] = {
    {"mode", required_argument, NULL, MODE},           {"port", required_argument, NULL, PORT},
    {"pid", required_argument, NULL, PID},             {"clients", required_argument, NULL, CLIENTS},
    {"in-flight", required_argument, NULL, IN_FLIGHT}, {"seconds", required_argument, NULL, SECONDS},
    {"warmup", required_argument, NULL, WARMUP},       {"size", required_argument, NULL, SIZE},
    {"event", required_argument, NULL, EVENT},         {"attachment", required_argument, NULL, ATTACHMENT},
    {"polling", no_argument, NULL, POLLING},           {"rooms", required_argument, NULL, ROOMS},
    {"stalled", required_argument, NULL, STALLED},     {"broadcasts", required_argument, NULL, BROADCASTS},
    {"exchanges", required_argument, NULL, EXCHANGES}, {"concurrency", required_argument, NULL, CONCURRENCY},
    {"path", required_argument, NULL, PATH},           {"zero-mask", no_argument, NULL, ZERO_MASK},
    {"to-port", required_argument, NULL, TO_PORT},     {"to-pid", required_argument, NULL, TO_PID},
    {"pace", required_argument, NULL, PACE},           {"vacant", no_argument, NULL, VACANT},
    {"requests", required_argument, NULL, REQUESTS},   {"help", no_argument, NULL, SHOW_HELP},
    {NULL, 0, NULL, 0}};

static int mode_named(const char *name)
{
    for (int mode = CONNECT; mode <= CLUSTER; mode++)
        if (!strcmp(MODES[mode], name))
            return mode;
    fail("no mode is named '%s'", name);
}

static void set_option(int option)
{
    switch (option) {
    case MODE: options.mode = mode_named(optarg); break;
    case PORT: options.port = atoi(optarg); break;
    case PID: options.pid = atoi(optarg); break;
    case CLIENTS: options.clients = atoi(optarg); break;
    case IN_FLIGHT: options.in_flight = atoi(optarg); break;
    case SECONDS: options.seconds = atof(optarg); break;
    case WARMUP: options.warmup = atof(optarg); break;
    case SIZE: options.size = atol(optarg); break;
    case EVENT: options.event = optarg; break;
    case ATTACHMENT: options.attachment = atoi(optarg); break;
    case POLLING: options.polling = true; break;
    case ROOMS: options.rooms = atoi(optarg); break;
    case STALLED: options.stalled = atoi(optarg); break;
    case BROADCASTS: options.broadcasts = atol(optarg); break;
    case REQUESTS: options.requests = atol(optarg); break;
    case EXCHANGES: options.exchanges = atoi(optarg); break;
    case CONCURRENCY: options.concurrency = atoi(optarg); break;
    case PATH: options.path = optarg; break;
    case ZERO_MASK: options.zero_mask = true; break;
    case TO_PORT: options.to_port = atoi(optarg); break;
    case TO_PID: options.to_pid = atoi(optarg); break;
    case PACE: options.pace = atof(optarg); break;
    case VACANT: options.vacant = true; break;
    case SHOW_HELP: fputs(HELP, stdout); exit(0);
    default: fail("see loadgen --help");
    }
}

static void read_options(int count, char **words)
{
    int option;
    while ((option = getopt_long(count, words, "", LONG_OPTIONS, NULL)) != -1)
        set_option(option);
    if (optind < count || options.mode < 0 || !options.port || !options.pid)
        fail("--mode, --port and --pid are needed; see loadgen --help");
    if (options.clients < 1 || options.in_flight < 1 || options.in_flight > RING || options.size < 0 ||
        options.attachment < 0 || options.concurrency < 1)
        fail("a number is out of its range; --in-flight may be %d at most", RING);
    if (options.stalled >= options.clients || (options.polling && (options.stalled || options.mode == DISCONNECT)))
        fail("clients that stall or are disconnected use WebSocket, and some must not stall");
    if (options.mode == CLUSTER && (options.clients < 2 || options.size < DIGITS || options.pace < 0 ||
                                    options.attachment || options.polling || !options.to_port != !options.to_pid))
        fail("a cluster needs 2 clients, a --size of %d, a --pace, WebSocket, no attachment, --to-port and --to-pid "
             "together", DIGITS);
    if (kill(options.pid, 0) && errno == ESRCH)
        fail("no process has the id %d", options.pid);
    if (options.to_pid && kill(options.to_pid, 0) && errno == ESRCH)
        fail("no process has the id %d", options.to_pid);
}

/* ---- What is sent ---- */

static void make_base64(struct buffer *text, const struct buffer *bytes)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    append(text, "b", 1);
    for (size_t place = 0; place < bytes->length; place += 3) {
        uint32_t group = 0;
        size_t count = bytes->length - place < 3 ? bytes->length - place : 3;
        for (size_t byte = 0; byte < 3; byte++)
            group = group << 8 | (byte < count ? (unsigned char)bytes->bytes[place + byte] : 0);
        for (size_t letter = 0; letter < 4; letter++)
            append(text, letter <= count ? &LETTERS[group >> (18 - 6 * letter) & 63] : "=", 1);
    }
}

static void make_request(void)
{
    const char *event = options.event ? options.event
                        : options.mode == DISCONNECT ? "disconnect all"
                        : options.mode != FANOUT && options.mode != CLUSTER ? "echo"
                        : options.rooms || options.mode == CLUSTER ? "publish room" : "publish";
    if (options.mode == DISCONNECT) {
        append_format(&request_body, "42[\"%s\"]", event);
        return;
    }
    append_format(&request_body, "[\"%s\",{\"name\":\"", event);
    number_at = request_body.length;
    reserve(&request_body, (size_t)options.size);
    memset(request_body.bytes + request_body.length, 'x', (size_t)options.size);
    request_body.length += (size_t)options.size;
    append_format(&request_body, options.attachment ? "\",\"data\":{\"_placeholder\":true,\"num\":0}}]" : "\"}]");
    for (int byte = 0; byte < options.attachment; byte++)
        append(&attachment, &(char){(char)byte}, 1);
    if (options.attachment)
        make_base64(&attachment_base64, &attachment);
}

int main(int count, char **words)
{
    read_options(count, words);
    make_request();
    clients = calloc((size_t)options.clients, sizeof *clients);
    epoll = epoll_create1(0);
    if (!clients || epoll < 0)
        fail("no memory for so many clients");

    struct span from = begin();
    connect_all();
    struct span span = finish(from);
    printf("{\"mode\": \"%s\", \"clients\": %d, \"transport\": \"%s\"", MODES[options.mode], options.clients,
           options.polling ? "polling" : "websocket");
    if (options.mode != CLUSTER)
        printf(", \"connect\": {\"rate\": %.1f, \"cpu_us\": %.3f, \"rss_kib\": %.2f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}",
               options.clients / span.time, span.cpu * 1e6 / options.clients, span.memory / options.clients,
               percentile(&run.connecting, 0.5), percentile(&run.connecting, 0.99));
    switch (options.mode) {
    case ECHO: measure_echo(); break;
    case FANOUT: measure_fanout(); break;
    case IDLE: measure_idle(from.memory); break;
    case DISCONNECT: measure_disconnect(); break;
    case CLUSTER: measure_cluster(); break;
    default: break;
    }
    puts("}");
    return 0;
}
