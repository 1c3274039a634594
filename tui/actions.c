/* actions.c - the table of actions; see actions.h. */
#include "tui/actions.h"

#include <string.h>

#include "tui/app.h"
#include "tui/home.h"
#include "tui/keys.h"
#include "tui/scan_view.h"

static void act_accept(struct app *a)
{
    const struct view *v = app_view(a, 0);

    if (v->accept != NULL)
        v->accept(a, app_state(a, 0));
}

static void act_back(struct app *a)
{
    const struct view *v = app_view(a, 0);

    if (v->back == NULL || !v->back(a, app_state(a, 0)))
        app_pop(a);
}

static void act_leave(struct app *a)
{
    if (app_is_running(a))
        (void)app_push(a, &view_leave);
    else if (a->depth > 1)
        act_back(a);
    else
        a->quit = true;
}

static void act_retry(struct app *a)
{
    (void)run_retry(a->env->run); /* the context says that it is stopped; else nothing happens */
}

static void act_presence(struct app *a)
{
    run_confirm_presence(a->env->run);
    app_say(a, ROLE_GOOD, "Presence confirmed.");
}

static void act_stop_purge(struct app *a)
{
    if (run_stop_purge(a->env->run) == 0)
        app_say(a, ROLE_TEXT, "The purge is being stopped.");
}

static void act_yes(struct app *a)
{
    app_pop(a);
    if (app_is_running(a)) {
        run_cancel(a->env->run);
        app_say(a, ROLE_TEXT, "Leaving safely.");
    }
}

static void act_no(struct app *a)
{
    app_pop(a);
}

static void act_sync(struct app *a)
{
    app_sync(a);
    app_say(a, ROLE_TEXT, "Sending and fetching now.");
}

static void act_stop_sync(struct app *a)
{
    if (!sync_cancel(a->env->sync))     /* else the end of the round is told */
        app_say(a, ROLE_TEXT, "Nothing is being sent or fetched.");
}

/* Views that stand for themselves are not stacked on themselves. */
static void open_view(struct app *a, const struct view *v)
{
    if (app_view(a, 0) != v)
        (void)app_push(a, v);
}

static void act_queue(struct app *a)
{
    open_view(a, &view_queue);
}

static void act_log(struct app *a)
{
    open_view(a, &view_log);
}

static void act_palette(struct app *a)
{
    open_view(a, &view_palette);
}

static void act_help(struct app *a)
{
    open_view(a, &view_help);
}

static void act_redraw(struct app *a)
{
    ui_redraw(&a->ui);
}

static void act_suspend(struct app *a)
{
    ui_suspend(&a->ui);
}

static void act_quit(struct app *a)
{
    a->quit = true;
}

static void do_move(struct app *a, enum move how)
{
    const struct view *v = app_view(a, 0);

    if (v->move != NULL)
        v->move(a, app_state(a, 0), how);
}

static void act_up(struct app *a)
{
    do_move(a, MOVE_UP);
}

static void act_down(struct app *a)
{
    do_move(a, MOVE_DOWN);
}

static void act_page_up(struct app *a)
{
    do_move(a, MOVE_PAGE_UP);
}

static void act_page_down(struct app *a)
{
    do_move(a, MOVE_PAGE_DOWN);
}

static void act_first(struct app *a)
{
    do_move(a, MOVE_FIRST);
}

static void act_last(struct app *a)
{
    do_move(a, MOVE_LAST);
}

static const struct action table[] = {
    {"open", "Open the chosen job", "Enter", IN_HOME, "open",
     "Starts the chosen job, or goes on where it stopped; on a meter, goes to its job.",
     act_accept},
    {"answer", "Hand in the answer", "Enter", IN_QUESTION, "answer",
     "Hands in what was typed or scanned; a refused answer says why, and the question stays.",
     act_accept},
    {"close", "Close the finished procedure", "Enter", IN_FINISHED, "close",
     "Goes back to the worklist.", act_accept},
    {"do", "Do the chosen action", "Enter", IN_PALETTE, "do it",
     "Does the action that is chosen in the palette.", act_accept},
    {"ask-meter", "Ask the meter", "Enter", IN_METER, "ask",
     "Sends the chosen command, after its form is filled and a dangerous one is confirmed.",
     act_accept},
    {"presence", "Confirm that you are present", "Space", IN_PURGE, "I am here",
     "During a purge: tells the meter for another 30 s that somebody watches.", act_presence},
    {"stop-purge", "Stop the purge", "F8", IN_PURGE, "stop the purge",
     "Closes the valve now and goes on; what flowed stands in the receipt.", act_stop_purge},
    {"try-again", "Try the step again", "F9", IN_STOPPED, "try again",
     "After a failure: does the step once more, with the same operation id.", act_retry},
    {"camera", "Camera on or off", "F7", IN_SCAN, "camera",
     "Shows what the camera sees, and takes the first label of a meter in it.", scan_view_camera},
    {"other-camera", "Next camera", "F6", IN_SCAN, NULL,
     "Takes the next camera of this machine.", scan_view_next_camera},
    {"yes", "Yes", "y Y", IN_CONFIRM, "yes", "Says yes to the question shown.", act_yes},
    {"no", "No", "n N Esc", IN_CONFIRM, "no", "Says no to the question shown.", act_no},
    {"filter", "Filter the worklist", "/", IN_HOME, "filter",
     "Shows only the jobs in which all typed words occur: number, meter, address or customer.",
     home_filter},
    {"meter", "Talk to the meter", "m", IN_HOME, NULL,
     "Opens the page of the chosen job's meter: every command by itself, with what the tickets on "
     "this laptop allow.", home_meter},
    {"other-list", "Jobs or meters in reach", "Tab Shift-Tab", IN_HOME, "meters",
     "Goes from the worklist to the meters in reach, and back.", home_other_list},
    {"all-jobs", "Open jobs or all jobs", "a", IN_HOME, NULL,
     "Shows the jobs that are done or unable too, or hides them again.", home_all_jobs},
    {"sync-now", "Send and fetch now", "F5 Ctrl-R", IN_ANY, "sync",
     "Brings the records home and fetches what changed; it also happens by itself.", act_sync},
    {"records", "Records for head office", "F3", IN_ANY, "records",
     "Shows what is on this laptop only, and what head office refused.", act_queue},
    {"messages", "Messages", "F4", IN_ANY, "log", "Shows what happened since the app started.",
     act_log},
    {"back", "Back", "Esc", IN_SUB, "back", "Closes this view; a procedure under way asks first.",
     act_back},
    {"leave", "Cancel", "Ctrl-C", IN_ANY, NULL,
     "Leaves a procedure safely, after a question; without one, goes back or quits.", act_leave},
    {"quit", "Quit", "q", IN_HOME, "quit",
     "Ends the app. Records that wait are kept on this laptop.", act_quit},
    {"find-job", "Find a job by its meter's label", "F7", IN_HOME, "scan",
     "Shows what the camera sees, and opens the job of the meter whose label is in it.",
     scan_view_find},
    {"palette", "All actions by name", ": F2", IN_ANY, "actions",
     "Finds an action by its name and does it.", act_palette},
    {"help", "Help for this view", "? F1", IN_ANY, "help",
     "Tells what to do here, and every key that works.", act_help},
    {"up", "Up", "Up k", IN_LIST, NULL, "Moves one row up.", act_up},
    {"down", "Down", "Down j", IN_LIST, NULL, "Moves one row down.", act_down},
    {"page-up", "Page up", "PgUp", IN_LIST | IN_RUN, NULL, "Moves one page up.", act_page_up},
    {"page-down", "Page down", "PgDn", IN_LIST | IN_RUN, NULL, "Moves one page down.",
     act_page_down},
    {"first", "First row", "Home g", IN_LIST, NULL, "Moves to the first row.", act_first},
    {"last", "Last row", "End G", IN_LIST, NULL, "Moves to the last row.", act_last},
    {"cancel-sending", "Cancel sending and fetching", "Ctrl-X", IN_ANY, NULL,
     "Gives up the round under way; what was acknowledged stays so, the rest goes with the next.",
     act_stop_sync},
    {"redraw", "Draw the screen again", "Ctrl-L", IN_ANY, NULL,
     "Sends the whole screen to the terminal once more.", act_redraw},
    {"suspend", "Back to the shell for a while", "Ctrl-Z", IN_ANY, NULL,
     "Stops the app as any program of the shell; fg brings it back.", act_suspend},
};
#define N_ACTIONS (sizeof table / sizeof table[0])

const struct action *actions(size_t *ret_n)
{
    *ret_n = N_ACTIONS;
    return table;
}

const struct action *action_of_key(int key, unsigned where)
{
    if ((where & IN_TEXT) != 0 && key_is_text(key))
        return NULL;
    for (size_t i = 0; i < N_ACTIONS; i++)
        if ((table[i].where & where) != 0 && keys_hold(table[i].keys, key))
            return &table[i];
    return NULL;
}

const struct action *action_find(const char *id)
{
    for (size_t i = 0; i < N_ACTIONS; i++)
        if (strcmp(table[i].id, id) == 0)
            return &table[i];
    return NULL;
}

/* Where an action works, in words. */
static void print_where(FILE *out, unsigned where)
{
    static const struct {
        unsigned bit;
        const char *text;
    } words[] = {
        {IN_ANY, "everywhere"}, {IN_HOME, "worklist"}, {IN_LIST, "lists"}, {IN_RUN, "procedure"},
        {IN_STOPPED, "stopped step"}, {IN_PURGE, "purge"}, {IN_SCAN, "scanning"},
        {IN_QUESTION, "question"}, {IN_CONFIRM, "yes or no"}, {IN_FINISHED, "finished procedure"},
        {IN_PALETTE, "actions"}, {IN_METER, "one meter"}, {IN_SUB, "above another view"},
    };
    const char *comma = "";

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((where & words[i].bit) != 0) {
            (void)fprintf(out, "%s%s", comma, words[i].text);
            comma = ", ";
        }
}

void actions_print(FILE *out)
{
    (void)fprintf(out, "# Keys\n\n"
                       "Printed from the table in `tui/actions.c`; a test compares. In a field "
                       "letters are text, so the keys\nthat are letters or signs wait until it is "
                       "left; `F1` and `F2` work there too.\n\n"
                       "| key | does | where | |\n|---|---|---|---|\n");
    for (size_t i = 0; i < N_ACTIONS; i++) {
        const char *key = table[i].keys;

        (void)fprintf(out, "| ");
        while (*key != '\0') {
            size_t n = strcspn(key, " ");

            (void)fprintf(out, "`%.*s`%s", (int)n, key, key[n] != '\0' ? " " : "");
            key += n + strspn(key + n, " ");
        }
        (void)fprintf(out, " | %s | ", table[i].title);
        print_where(out, table[i].where);
        (void)fprintf(out, " | %s |\n", table[i].help);
    }
    (void)fprintf(out, "\nEach can be found by name too: `:` or `F2`, then a part of its title.\n");
}
