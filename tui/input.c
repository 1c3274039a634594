/* input.c - a line being typed; see input.h. */
#include "tui/input.h"

#include <string.h>

#include "tui/keys.h"

#define CTRL_U "Ctrl-U"

static void insert(struct input *in, wchar_t c)
{
    if (in->n == INPUT_CHARS)
        return;
    (void)wmemmove(in->text + in->at + 1, in->text + in->at, in->n - in->at);
    in->text[in->at++] = c;
    in->n++;
}

static void drop(struct input *in, size_t at)
{
    (void)wmemmove(in->text + at, in->text + at + 1, in->n - at - 1);
    in->n--;
}

bool input_key(struct input *in, int key)
{
    if (key_is_text(key)) {
        insert(in, (wchar_t)key);
    } else if (keys_hold("Backspace", key)) {
        if (in->at > 0)
            drop(in, --in->at);
    } else if (keys_hold("Delete", key)) {
        if (in->at < in->n)
            drop(in, in->at);
    } else if (keys_hold("Left", key)) {
        in->at -= in->at > 0;
    } else if (keys_hold("Right", key)) {
        in->at += in->at < in->n;
    } else if (keys_hold("Home", key)) {
        in->at = 0;
    } else if (keys_hold("End", key)) {
        in->at = in->n;
    } else if (keys_hold(CTRL_U, key)) {
        input_clear(in);
    } else {
        return false;
    }
    return true;
}

void input_clear(struct input *in)
{
    in->n = in->at = 0;
}

/* UTF-8 of text[from..to); returns ret. */
static char *encode(const struct input *in, size_t from, size_t to, char *ret)
{
    char *p = ret;

    for (size_t i = from; i < to; i++) {
        unsigned c = (unsigned)in->text[i];
        unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

        *p++ = (char)(unsigned char)(more == 0
                                         ? c
                                         : (0xFF00u >> (more + 1) & 0xFF) | (c >> (6 * more)));
        while (more-- > 0)
            *p++ = (char)(unsigned char)(0x80 | (c >> (6 * more) & 0x3F));
    }
    *p = '\0';
    return ret;
}

char *input_text(const struct input *in, char ret[static INPUT_BYTES])
{
    return encode(in, 0, in->n, ret);
}

void input_draw(const struct input *in, struct ui *ui, int y, int x, int width)
{
    char text[INPUT_BYTES];
    size_t from = 0;

    while (from < in->at && ui_width(encode(in, from, in->at, text)) >= width)
        from++;
    ui_fill(ui, y, x, width, ROLE_FIELD);
    (void)ui_text(ui, y, x, width, ROLE_FIELD, encode(in, from, in->n, text));
    ui_cursor(ui, y, x + ui_width(encode(in, from, in->at, text)));
}
