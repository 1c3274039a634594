/* api_public.c - registering, logging in, and the routes of a customer's own things; see api.h,
 * api_own.c. */
#include "backend/api.h"

#include <string.h>

#include "backend/api_account.h"
#include "backend/api_own.h"
#include "backend/customer.h"
#include "backend/office_tries.h"

#define TRY_AGAIN_S 60

static const struct api_field register_fields[] = {
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "as on the contract" },
    { .name = "name", .type = API_TEXT, .min = 1, .max = 95, .what = "as on the contract" },
    { .name = "phone", .type = API_TEXT, .min = 0, .max = 31, .what = "its digits are compared" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "as on the meter's label" },
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "as on the contract" },
    { .name = "login",
      .type = API_ID,
      .min = 3,
      .max = CUSTOMER_LOGIN_MAX,
      .what = "to log in by" },
    { .name = "password",
      .type = API_SECRET,
      .min = 1,
      .max = CUSTOMER_PASSWORD_MAX,
      .what = "10 bytes or more" },
};
static const struct api_message register_message = API_MESSAGE("Register", register_fields);

static const struct api_field registered_fields[] = {
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "who is registered now" },
};
static const struct api_message registered_message = API_MESSAGE("Registered", registered_fields);

static const struct api_field login_fields[] = {
    { .name = "login",
      .type = API_ID,
      .min = 1,
      .max = CUSTOMER_LOGIN_MAX,
      .what = "as registered" },
    { .name = "password",
      .type = API_SECRET,
      .min = 1,
      .max = CUSTOMER_PASSWORD_MAX,
      .what = "as registered" },
};
static const struct api_message login_message = API_MESSAGE("Login", login_fields);

static const struct api_field session_fields[] = {
    { .name = "token",
      .type = API_SECRET,
      .min = 64,
      .max = 64,
      .what = "for the header Authorization: Bearer" },
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "whose session it is" },
    { .name = "expires_at_ms", .type = API_INT, .what = "good until, ms since 1970" },
};
static const struct api_message session_message = API_MESSAGE("Session", session_fields);

static const struct api_field logout_fields[] = {
    { .name = "everywhere",
      .type = API_BOOL,
      .is_optional = true,
      .what = "all of the customer's sessions" },
};
static const struct api_message logout_message = API_MESSAGE("Logout", logout_fields);

static const struct api_field password_fields[] = {
    { .name = "old_password",
      .type = API_SECRET,
      .min = 1,
      .max = CUSTOMER_PASSWORD_MAX,
      .what = "as it is" },
    { .name = "password",
      .type = API_SECRET,
      .min = 1,
      .max = CUSTOMER_PASSWORD_MAX,
      .what = "as it shall be" },
};
static const struct api_message password_message = API_MESSAGE("Password", password_fields);

static void refuse_wait(struct api_call *c, int wait_s, const char *field, const char *sentence)
{
    c->ret->retry_after_s = wait_s;
    api_refuse(c, 429, "too_many", field, sentence);
}

static void register_customer(struct api_call *c)
{
    const struct customer_new n = { .customer_no = api_text(c, "customer_no", ""),
                                    .name = api_text(c, "name", ""),
                                    .phone = api_text(c, "phone", ""),
                                    .meter_id = api_text(c, "meter_id", ""),
                                    .account_no = (uint64_t)api_whole(c, "account_no", 0),
                                    .login = api_text(c, "login", ""),
                                    .password = api_text(c, "password", ""),
                                    .address = c->request->peer };
    int r, wait_s = 0;

    if (!ho_may_try(c->o, c->request->peer)) {
        refuse_wait(c, TRY_AGAIN_S, NULL,
                    "too many wrong attempts from this address; wait a minute");
        return;
    }
    r = customer_register(c->o, &n, &wait_s);
    if (r == GF_E_MISMATCH || r == GF_E_NOT_NOW) /* guesses; want of a better password is none */
        ho_tried(c->o, c->request->peer);
    if (wait_s > 0)
        refuse_wait(c, wait_s, "login", "too many wrong passwords; wait a little");
    else if (r < 0)
        api_fail(c);
    else
        api_answer(c, 200, json_pack("{s:s}", "customer_no", n.customer_no));
}

static void log_in(struct api_call *c)
{
    struct customer_login session;
    int wait_s = 0, r = customer_login(c->o, api_text(c, "login", ""), api_text(c, "password", ""),
                                       c->request->peer, &session, &wait_s);

    if (r < 0)
        api_fail(c);
    else if (wait_s > 0)
        refuse_wait(c, wait_s, "login", "too many wrong passwords; wait a little");
    else if (r == 0)
        api_refuse(c, 401, "login", NULL, "login or password is wrong");
    else
        api_answer(c, 200,
                   json_pack("{s:s, s:s, s:I}", "token", session.token, "customer_no",
                             session.customer_no, "expires_at_ms",
                             (json_int_t)session.expires_at_ms));
    gf_wipe(&session, sizeof session);
}

/* The token of a call that passed the door. */
static const char *token_of(const struct api_call *c)
{
    return c->request->authorization + strlen("Bearer ");
}

static void log_out(struct api_call *c)
{
    bool everywhere = json_is_true(json_object_get(c->body, "everywhere"));

    if (customer_logout(c->o, token_of(c), everywhere) != 0)
        api_fail(c);
    else
        api_answer(c, 200, json_object());
}

static void change_password(struct api_call *c)
{
    int wait_s = 0, r = customer_password(c->o, token_of(c), api_text(c, "old_password", ""),
                                          api_text(c, "password", ""), c->request->peer,
                                          &wait_s);

    if (r < 0)
        api_fail(c);
    else if (wait_s > 0)
        refuse_wait(c, wait_s, "old_password", "too many wrong passwords; wait a little");
    else if (r == 0)
        api_refuse(c, 403, "password", "old_password", "the old password is wrong");
    else
        api_answer(c, 200, json_object());
}

#define OWN .door = API_LOGGED_IN, .roles = API_BIT(CUSTOMER)

static const struct api_route routes[] = {
    { .method = "POST",
      .path = "/v1/customer/register",
      .door = API_OPEN,
      .takes = &register_message,
      .gives = &registered_message,
      .flags = API_SLOW,
      .handler = register_customer,
      .what = "a login for a registered customer with an open account; binds the meter",
      .errors = "409 MISMATCH a field is not as registered|409 NOT_NOW the login is taken, the "
                "customer has one, or the account is not open|429 too_many five wrong attempts "
                "from one address within a minute" },
    { .method = "POST",
      .path = "/v1/customer/login",
      .door = API_OPEN,
      .takes = &login_message,
      .gives = &session_message,
      .flags = API_SLOW,
      .handler = log_in,
      .what = "a session of 30 days",
      .errors = "401 login login or password is wrong|429 too_many too many wrong passwords" },
    { .method = "POST",
      .path = "/v1/customer/logout",
      OWN,
      .takes = &logout_message,
      .handler = log_out,
      .what = "end this session, or all of them" },
    { .method = "POST",
      .path = "/v1/customer/password",
      OWN,
      .takes = &password_message,
      .flags = API_SLOW,
      .handler = change_password,
      .what = "another password; every other session ends",
      .errors = "403 password the old one is wrong|429 too_many too many wrong passwords" },
    { .method = "GET",
      .path = "/v1/customer/meters",
      OWN,
      .gives = &own_meter_message,
      .flags = API_LIST_ROUTE,
      .handler = own_meters,
      .what = "the meters that the customer's program may talk to" },
    { .method = "POST",
      .path = "/v1/customer/meters",
      OWN,
      .takes = &own_bind_message,
      .gives = &own_bind_message,
      .handler = own_bind,
      .what = "bind a meter to the customer's program",
      .errors = "404 not_found no such account of this customer|409 NOT_NOW it is not open" },
    { .method = "POST",
      .path = "/v1/customer/meters/{meter_id}/ticket",
      OWN,
      .gives = &own_ticket_message,
      .handler = own_ticket,
      .what = "a ticket to query, recharge and arm the meter",
      .errors = "404 not_found it is not bound|409 NOT_NOW the account is not open" },
    { .method = "GET",
      .path = "/v1/customer/accounts",
      OWN,
      .gives = &api_account_message,
      .flags = API_LIST_ROUTE,
      .handler = own_accounts,
      .what = "the customer's accounts with their balances" },
    { .method = "GET",
      .path = "/v1/customer/accounts/{account_no}",
      OWN,
      .gives = &api_account_message,
      .handler = own_account,
      .what = "one of them",
      .errors = "404 not_found no such account of this customer" },
    { .method = "GET",
      .path = "/v1/customer/accounts/{account_no}/tokens",
      OWN,
      .gives = &own_token_message,
      .flags = API_LIST_ROUTE,
      .handler = own_tokens,
      .what = "the tokens of an account, those not yet taken with what the meter wants",
      .errors = "404 not_found no such account of this customer" },
    { .method = "POST",
      .path = "/v1/customer/payments",
      OWN,
      .takes = &own_pay_message,
      .gives = &own_payment_message,
      .handler = own_pay,
      .what = "ask for a payment; the provider is paid elsewhere",
      .errors = "404 not_found no such account of this customer|409 provider no such provider|409 "
                "MISMATCH the id came with other content|409 NOT_NOW the account is not open" },
    { .method = "GET",
      .path = "/v1/customer/payments/{payment_id}",
      OWN,
      .gives = &own_payment_message,
      .handler = own_payment,
      .what = "how a payment stands, and its token once it is confirmed",
      .errors = "404 not_found no such payment of this customer" },
    { .method = "POST",
      .path = "/v1/customer/receipts",
      OWN,
      .takes = &own_receipt_message,
      .gives = &own_verdict_message,
      .handler = own_receipt,
      .what = "bring a receipt that the meter gave the customer's program",
      .errors = "400 receipt it does not verify|409 conflict it contradicts what is home" },
};

const struct api_part api_part_public = { .name = "public",
                                          .routes = routes,
                                          .n = sizeof routes / sizeof routes[0] };
