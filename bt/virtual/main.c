/* main.c - virtual-bluez, a stand-in for bluetoothd without a radio; see docs/virtual-bluez.md. */
#include <stdlib.h>

#include "bt/virtual/daemon.h"
#include "bt/virtual/options.h"

int main(int argc, char *argv[])
{
    struct vb_options opt;

    switch (vb_options_read(argc, argv, &opt)) {
    case VB_RUN:
        return vb_run(&opt);
    case VB_RUN_DONE:
        return EXIT_SUCCESS;
    case VB_RUN_USAGE:
        break;
    }
    return 2;
}
