# terminal.sh - a program on a terminal of 80x24, by keys, in a tmux of its own. Source it behind tap.sh.

TERMINAL=gasfitter-$$
t() { tmux -L "$TERMINAL" -f /dev/null "$@"; }
# terminal_start FILE - run the shell script FILE
terminal_start() { t new-session -d -s app -x 80 -y 24 "env LC_ALL=C.UTF-8 TZ=UTC TERM=screen-256color sh '$1'"; }
terminal_stop() { t kill-server 2>/dev/null || true; }
screen() { t capture-pane -p -t app; }
keys() { t send-keys -t app "$@"; }
# shows TEXT NAME [seconds] - wait until the text is on the screen
shows() {
    local i=0 limit=$((${3:-20} * 20))
    until grep -qF -- "$1" <<<"$(screen)"; do
        i=$((i + 1))
        if [ $i -gt $limit ]; then
            screen | sed 's/^/# /'
            ok 1 "$2: \"$1\""
            return 0
        fi
        sleep 0.05
    done
    ok 0 "$2: \"$1\""
}
