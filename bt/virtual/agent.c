/* agent.c - AgentManager1; see agent.h. */
#include "bt/virtual/agent.h"

#include <stdlib.h>
#include <string.h>

static struct vb_agent *find(struct vb *vb, const char *owner)
{
    struct vb_agent *agent;

    TAILQ_FOREACH(agent, &vb->agents, next)
        if (strcmp(agent->owner, owner) == 0)
            return agent;
    return NULL;
}

void vb_agents_drop(struct vb *vb, const char *owner)
{
    struct vb_agent *agent = TAILQ_FIRST(&vb->agents);

    while (agent) {
        struct vb_agent *following = TAILQ_NEXT(agent, next);

        if (!owner || strcmp(agent->owner, owner) == 0) {
            TAILQ_REMOVE(&vb->agents, agent, next);
            free(agent->owner);
            free(agent->path);
            free(agent);
        }
        agent = following;
    }
}

static bool is_capability(const char *text)
{
    static const char *const known[] = {"", "DisplayOnly", "DisplayYesNo", "KeyboardOnly",
                                        "NoInputNoOutput", "KeyboardDisplay"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], text) == 0)
            return true;
    return false;
}

static void register_agent(struct vb *vb, void *self, sd_bus_message *m)
{
    const char *path, *capability;
    struct vb_agent *agent;

    (void)self;
    if (find(vb, sd_bus_message_get_sender(m))) {
        vb_fail(m, VB_E_ALREADY_EXISTS, NULL);
        return;
    }
    if (sd_bus_message_read(m, "os", &path, &capability) < 0 || !is_capability(capability)) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    agent = vb_new(sizeof *agent);
    agent->owner = vb_dup(sd_bus_message_get_sender(m));
    agent->path = vb_dup(path);
    TAILQ_INSERT_TAIL(&vb->agents, agent, next);
    vb_ok(m);
}

/* The sender's agent, if the call names it; else an error is answered. */
static struct vb_agent *named(struct vb *vb, sd_bus_message *m)
{
    struct vb_agent *agent = find(vb, sd_bus_message_get_sender(m));
    const char *path;

    if (agent && sd_bus_message_read(m, "o", &path) >= 0 && strcmp(agent->path, path) == 0)
        return agent;
    vb_fail(m, VB_E_DOES_NOT_EXIST, NULL);
    return NULL;
}

static void unregister_agent(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_agent *agent = named(vb, m);

    (void)self;
    if (!agent)
        return;
    vb_agents_drop(vb, sd_bus_message_get_sender(m));
    vb_ok(m);
}

static void request_default(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_agent *agent = named(vb, m), *other;

    (void)self;
    if (!agent)
        return;
    TAILQ_FOREACH(other, &vb->agents, next)
        other->is_default = other == agent;
    vb_ok(m);
}

static const struct vb_method methods[] = {
    {"RegisterAgent", "os", "", "agent capability", register_agent},
    {"UnregisterAgent", "o", "", "agent", unregister_agent},
    {"RequestDefaultAgent", "o", "", "agent", request_default},
    {NULL, NULL, NULL, NULL, NULL}};

const struct vb_iface vb_agent_manager = {"org.bluez.AgentManager1", methods, NULL};
