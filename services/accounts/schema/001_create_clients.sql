-- Clients (ACC-1, ACC-2). An active client has every mandatory field; an archived one has lost its contact.
create table client (
    id uuid primary key,
    name text not null,
    siren text,
    vat_number text,
    iban text,
    bic text,
    address_line1 text,
    address_line2 text,
    address_postal_code text,
    address_city text,
    address_country text,
    billing_address_line1 text,
    billing_address_line2 text,
    billing_address_postal_code text,
    billing_address_city text,
    billing_address_country text,
    billing_contact_name text,
    billing_contact_email text,
    billing_contact_phone text,
    commission_basis text,
    commission_rate_bp int,
    commission_fixed_fee_cents bigint,
    commission_triggers text[],
    commission_milestones jsonb,
    payment_terms_days int not null default 30,
    report_frequency text not null default 'none',
    locale text not null default 'fr',
    external_id text,
    status text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint client_status_check check (status in ('pending', 'active', 'archived')),
    constraint client_payment_terms_days_check check (payment_terms_days between 0 and 60),
    constraint client_locale_check check (locale in ('fr', 'en')),
    constraint client_report_frequency_check
        check (report_frequency in ('none', 'semimonthly', 'monthly', 'bimonthly', 'quarterly')),
    constraint client_active_check
        check (status <> 'active' or num_nulls(siren, iban, address_line1, address_postal_code, address_city,
                                               billing_contact_name, billing_contact_email, commission_basis) = 0),
    constraint client_address_check check (num_nonnulls(address_line1, address_postal_code, address_city) in (0, 3)),
    constraint client_billing_address_check
        check (num_nonnulls(billing_address_line1, billing_address_postal_code, billing_address_city) in (0, 3))
);
create unique index client_siren_key on client (siren) where status <> 'archived';
create unique index client_external_id_key on client (external_id) where status <> 'archived';
