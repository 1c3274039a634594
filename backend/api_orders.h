/* api_orders.h - what the two files of the orders' routes share; not for anybody else. */
#ifndef GF_API_ORDERS_H
#define GF_API_ORDERS_H

#include "backend/api.h"

/* Who looks at all orders and cases, and who changes them. */
#define ORDERS_LOOK                                                                                \
    (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(KEY_OFFICER) | API_BIT(AUDITOR))
#define ORDERS_CHANGE (API_BIT(CLERK) | API_BIT(SUPERVISOR))

extern const struct api_message api_swap_message, api_swap_detail, api_swap_query,
    api_settle_message, api_estimate_message, api_move_message, api_moved_message;
void api_list_swaps(struct api_call *c);
void api_get_swap(struct api_call *c);
/* Answer with the case of the work order of this number. */
void api_answer_swap_of(struct api_call *c, const char *order_number);
void api_cancel_swap(struct api_call *c);
void api_settle_swap(struct api_call *c);
void api_estimate_swap(struct api_call *c);
void api_move_residual(struct api_call *c);

#endif
