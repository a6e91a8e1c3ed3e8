# SPDX-License-Identifier: Apache-2.0
"""What one service did made its effect in the others, once."""
from .evidence import check

# Who keeps a copy of whose objects, and which columns must agree.
COPIES = (("accounts.client", ("budgeting.client", "funding.client", "invoicing.client", "notifications.client")),
          ("budgeting.project", ("sessions.project", "funding.project", "invoicing.project", "notifications.project")),
          ("sessions.session", ("invoicing.session",)),
          ("sessions.training", ("invoicing.training",)))


def columns(evidence, table):
    return {name for (name,) in evidence.rows(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped", table)}


@check
def copies(evidence):
    """Every copy of an object is as new as the object; what was deleted has none."""
    for original, others in COPIES:
        there = f"(select * from {original} o where to_jsonb(o) ->> 'status' is distinct from 'deleted')"
        for copy in others:
            status = ", o.status is distinct from c.status" if "status" in columns(evidence, original) & columns(
                evidence, copy) else ", false"
            for identifier, version, copied, differs in evidence.rows(f"""
                    select coalesce(o.id, c.id), o.version, c.version{status}
                    from {there} o full join (select * from {copy} where not deleted) c on c.id = o.id
                    where o.version is distinct from c.version{status.replace(', ', ' or ')}"""):
                yield f"{original} {identifier} has version {version}, in {copy} {copied}{', another status' if differs else ''}"


@check
def closings(evidence):
    """A project fired its closing once when it is closed, else never."""
    for project, expected, fired in evidence.rows("""
            select b.project_id, (p.status = 'closed')::int,
                   (select count(*) from invoicing.fired_trigger f
                    where f.project_id = b.project_id and f.trigger = 'project_closed')
            from invoicing.billing_plan b join budgeting.project p on p.id = b.project_id"""):
        if fired != expected:
            yield f"project {project} fired {fired} times instead of {expected}"


@check
def decisions(evidence):
    """Every funding call that was sent or decided has the event that says so."""
    for kind, condition in (("Sent", "sent_at is not null"), ("Accepted", "status = 'accepted'"),
                            ("Declined", "status = 'declined'"), ("Cancelled", "status = 'cancelled'"),
                            ("Expired", "status = 'expired'"), ("Paid", "paid_cents > 0")):
        for call, in evidence.rows(f"""
                select id from funding.funding_call c where {condition} and not exists (
                    select from funding.event_log l where l.subject = c.id and l.type = 'funding.FundingCall{kind}')"""):
            yield f"funding call {call}: there is no FundingCall{kind}"
