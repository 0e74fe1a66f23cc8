#include "agent/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* A signal handler gets no argument: this is the one place that cannot do without statics. */
static _Atomic(struct hf_cancel *) watched;
static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t time_over;

static void on_signal(int number)
{
    struct hf_cancel *cancel = atomic_load(&watched);
    int saved = errno;

    (void)number;
    interrupted = 1;
    if (cancel)
        hf_cancel_interrupt(cancel);
    errno = saved;
}

static void on_time_over(int number)
{
    (void)number;
    time_over = 1;
}

/* SIGTERM comes right behind, and is held back until the reason for it is known. */
static enum hf_status install_time_over(struct hf_error *err)
{
    struct sigaction action = {.sa_handler = on_time_over, .sa_flags = SA_RESTART};

    if (sigemptyset(&action.sa_mask) != 0 || sigaddset(&action.sa_mask, SIGTERM) != 0 ||
        sigaction(SIGUSR1, &action, NULL) != 0)
        return hf_error_sys(err, errno, "catching signal %d", SIGUSR1);
    return HF_OK;
}

static enum hf_status install_one(int number, struct hf_error *err)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;

    if (sigemptyset(&action.sa_mask) != 0 || sigaction(number, NULL, &before) != 0)
        return hf_error_sys(err, errno, "looking up signal %d", number);
    if (number == SIGHUP && before.sa_handler == SIG_IGN)
        return HF_OK;
    if (sigaction(number, &action, NULL) != 0)
        return hf_error_sys(err, errno, "catching signal %d", number);
    return HF_OK;
}

enum hf_status hf_signals_install(struct hf_error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (sigaction(SIGPIPE, &ignore, NULL) != 0)
        return hf_error_sys(err, errno, "ignoring SIGPIPE");
    HF_TRY(install_time_over(err));
    HF_TRY(install_one(SIGINT, err));
    HF_TRY(install_one(SIGTERM, err));
    return install_one(SIGHUP, err);
}

void hf_signals_watch(struct hf_cancel *cancel)
{
    atomic_store(&watched, cancel);
    if (cancel && interrupted)
        hf_cancel_interrupt(cancel);
}

bool hf_signals_interrupted(void)
{
    return interrupted != 0;
}

bool hf_signals_time_over(void)
{
    return interrupted != 0 && time_over != 0;
}
