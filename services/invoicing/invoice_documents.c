/* SPDX-License-Identifier: Apache-2.0
 * PDFs of invoices: rendered once from what is stored, archived with their SHA-256, served bit for
 * bit (INV-4). */
#include "invoice_documents.h"

#include "invoice_description.h"
#include "invoices.h"
#include "log.h"
#include "service.h"
#include "sql.h"

#include <sodium.h>

/* The lease grows with the attempts, so that it is the backoff as well. */
SQL(claim_rendering, Empty, Id,
    "update invoice_rendering set attempts = attempts + 1, "
    "due_at = now() + least(attempts + 1, 60) * interval '10 seconds' "
    "where id = (select id from invoice_rendering where due_at <= now() order by due_at limit 1 "
    "for update skip locked) returning id");

SQL(end_rendering, Id, Empty, "delete from invoice_rendering where id = :id");

SQL(insert_document, ArchivedDocument, Empty,
    "insert into invoice_document (id, file_name, content, sha256) "
    "values (:id, :document.file_name, :document.content, :document.sha256)");

SQL(note_file, Id, Empty,
    "update invoice_state set updated_at = now(), version = version + 1 where id = :id");

SQL(get_document, Id, InvoiceDocument,
    "select file_name, content, sha256 from invoice_document where id = :id");

SQL(find_invoice, Id, Invoice, "select id from invoice where id = :id");

enum rpc_status
invoice_fail_not_ready(struct call *call)
{
    SET(&call->problem, retry_after_s, 1);
    return call_fail_code(call, RPC_CONFLICT, "not_ready", NULL,
                          "the PDF is being made; try again in a second");
}

static enum rpc_status
serve(struct call *call, const char *id, InvoiceDocument *reply)
{
    Id *key = NEW(call, Id);
    bool rendered;

    key->id = (char *)id;
    TRY(sql_maybe(call, &get_document, key, reply, &rendered));
    if (rendered)
        return RPC_OK;
    TRY(sql_one(call, &find_invoice, key, NEW(call, Invoice)));
    return invoice_fail_not_ready(call);
}

enum rpc_status
invoicing_get_invoice_pdf(struct call *call, const GetInvoiceRequest *request,
                          InvoiceDocument *reply)
{
    return serve(call, request->id, reply);
}

enum rpc_status
invoicing_get_invoice_document(struct call *call, const Id *request, InvoiceDocument *reply)
{
    return serve(call, request->id, reply);
}

static enum rpc_status
claim(struct call *call, void *state)
{
    ArchivedDocument *archived = state;
    Id *id = NEW(call, Id);
    bool found;

    TRY(sql_maybe(call, &claim_rendering, NEW(call, Empty), id, &found));
    archived->id = found ? id->id : NULL;
    return RPC_OK;
}

/* Whoever deletes the row of work archives; a twin whose lease ran out finds it gone. */
static enum rpc_status
archive(struct call *call, void *state)
{
    ArchivedDocument *archived = state;
    Invoice *invoice = NEW(call, Invoice);
    Id *id = NEW(call, Id);
    long ended;

    id->id = archived->id;
    TRY(sql_run(call, &end_rendering, id, &ended));
    if (ended == 0)
        return RPC_OK;
    TRY(sql_run(call, &insert_document, archived, NULL));
    TRY(sql_run(call, &note_file, id, NULL));
    TRY(invoice_read(call, archived->id, invoice));
    return emit_invoice_rendered(call, invoice);
}

static enum rpc_status
render(struct call *call, const char *id, InvoiceDocument *rendered)
{
    char sha256[crypto_hash_sha256_BYTES * 2 + 1];
    uint8_t hash[crypto_hash_sha256_BYTES];
    Invoice *invoice = NEW(call, Invoice);
    struct invoice_document document;
    const char *error;

    TRY(invoice_read(call, id, invoice));
    document = invoice_describe(call->arena, invoice);
    if (!invoice_pdf_render(call->arena, &document, &rendered->content.data, &rendered->content.len,
                            &error))
        return call_fail(call, RPC_INTERNAL, NULL, "%s", error);
    rendered->has_content = 1;
    crypto_hash_sha256(hash, rendered->content.data, rendered->content.len);
    rendered->sha256 =
        arena_strdup(call->arena, sodium_bin2hex(sha256, sizeof sha256, hash, sizeof hash));
    rendered->file_name = arena_printf(call->arena, "%s.pdf", invoice->number);
    return RPC_OK;
}

bool
invoice_documents_render(struct call *call)
{
    ArchivedDocument *archived = NEW(call, ArchivedDocument);
    enum rpc_status status = job_transaction(call, claim, archived);

    if (status != RPC_OK || archived->id == NULL)
        return false;
    archived->document = NEW(call, InvoiceDocument);
    status = render(call, archived->id, archived->document);
    if (status == RPC_OK)
        status = job_transaction(call, archive, archived);
    if (status != RPC_OK)
        log_error("the PDF of the invoice %s could not be made; it is tried again: %s",
                  archived->id, call->problem.detail);
    return true;
}
