/* SPDX-License-Identifier: Apache-2.0
 * The texts of all mails, French and English; nothing but words. The form is in mails.h. */
#include "mails.h"
#include <string.h>

#define LIST_FR                                                                                     \
    "{seller} vous adresse ce message parce que votre adresse figure sur la liste de diffusion du " \
    "projet. Pour en être retiré, répondez à ce message."
#define LIST_EN                                                                                    \
    "{seller} sends you this message because your address is on the project’s mailing list. To " \
    "be removed from it, reply to this message."
#define LISTS_FR                                                                                    \
    "{seller} vous adresse ce message parce que votre adresse figure sur la liste de diffusion de " \
    "projets de ce client. Pour en être retiré, répondez à ce message."
#define LISTS_EN                                                                                   \
    "{seller} sends you this message because your address is on the mailing list of projects of "  \
    "this client. To be removed from it, reply to this message."
#define CONTACT_FR                                                                                 \
    "{seller} vous adresse ce message en tant que contact de facturation du client {client}."
#define CONTACT_EN "{seller} sends you this message as the billing contact of {client}."
#define ACCOUNT_FR "Ce message concerne votre compte Escarcelle chez {seller}."
#define ACCOUNT_EN "This message is about your Escarcelle account at {seller}."

static const struct mail_template templates[] = {
    {"invitation",
     "fr",
     "Votre accès à Escarcelle",
     {"Bonjour {name},",
      "{seller} vous a ouvert un accès à Escarcelle. Pour l’activer, choisissez votre mot de passe.",
      "[Choisir mon mot de passe]",
      "Ce lien est personnel et valable jusqu’au {expires}. Passé ce délai, demandez un nouveau "
      "lien à votre administrateur.",
      "Si vous n’attendiez pas cette invitation, ignorez ce message."},
     ACCOUNT_FR},
    {"invitation",
     "en",
     "Your access to Escarcelle",
     {"Hello {name},",
      "{seller} has opened an Escarcelle account for you. To activate it, please choose your "
      "password.",
      "[Choose my password]",
      "This link is personal and valid until {expires}. After that, please ask your administrator "
      "for a new link.",
      "If you were not expecting this invitation, you can ignore this message."},
     ACCOUNT_EN},

    {"password_reset",
     "fr",
     "Réinitialisation de votre mot de passe",
     {"Bonjour {name},",
      "Une réinitialisation du mot de passe de votre compte Escarcelle a été demandée. Pour en "
      "choisir un nouveau, suivez ce lien :",
      "[Choisir un nouveau mot de passe]", "Ce lien est personnel et valable jusqu’au {expires}.",
      "Si vous n’êtes pas à l’origine de cette demande, ignorez ce message : votre mot de passe "
      "reste inchangé."},
     ACCOUNT_FR},
    {"password_reset",
     "en",
     "Reset your password",
     {"Hello {name},",
      "A password reset was requested for your Escarcelle account. To choose a new password, please "
      "follow this link:",
      "[Choose a new password]", "This link is personal and valid until {expires}.",
      "If you did not request this, you can ignore this message: your password stays the same."},
     ACCOUNT_EN},

    {"threshold_reached",
     "fr",
     "Projet {project} : seuil d’alerte atteint",
     {"Bonjour,",
      "Le budget du projet {project} a atteint son seuil d’alerte. Les sessions prévues ne sont pas "
      "remises en cause.",
      "Client | {client}", "Budget | {budget}", "Consommé | {consumed} ({consumed_percent})",
      "Seuil d’alerte | {threshold}", "Reste disponible | {remaining}"},
     LIST_FR},
    {"threshold_reached",
     "en",
     "Project {project}: alert threshold reached",
     {"Hello,",
      "The budget of project {project} has reached its alert threshold. Planned sessions are not "
      "affected.",
      "Client | {client}", "Budget | {budget}", "Consumed | {consumed} ({consumed_percent})",
      "Alert threshold | {threshold}", "Remaining | {remaining}"},
     LIST_EN},

    {"overrun",
     "fr",
     "Projet {project} : budget dépassé",
     {"Bonjour,", "Les engagements du projet {project} dépassent désormais son budget.",
      "Client | {client}", "Budget | {budget}", "Consommé | {consumed}", "Dépassement | {overrun}"},
     LIST_FR},
    {"overrun",
     "en",
     "Project {project}: budget overrun",
     {"Hello,", "The commitments of project {project} now exceed its budget.", "Client | {client}",
      "Budget | {budget}", "Consumed | {consumed}", "Overrun | {overrun}"},
     LIST_EN},

    {"session_planned",
     "fr",
     "Projet {project} : session « {session} » planifiée",
     {"Bonjour,", "Une session de formation est planifiée dans le projet {project}.",
      "Session | {session}", "Dates | {dates}", "Client | {client}"},
     LIST_FR},
    {"session_planned",
     "en",
     "Project {project}: session “{session}” planned",
     {"Hello,", "A training session has been planned in project {project}.", "Session | {session}",
      "Dates | {dates}", "Client | {client}"},
     LIST_EN},

    {"session_completed",
     "fr",
     "Projet {project} : session « {session} » validée",
     {"Bonjour,", "La session de formation ci-dessous est validée.", "Session | {session}",
      "Projet | {project}", "Dates | {dates}", "Client | {client}", "Coût HT | {cost}"},
     LIST_FR},
    {"session_completed",
     "en",
     "Project {project}: session “{session}” completed",
     {"Hello,", "The training session below has been completed.", "Session | {session}",
      "Project | {project}", "Dates | {dates}", "Client | {client}", "Cost excluding VAT | {cost}"},
     LIST_EN},

    {"session_cancelled",
     "fr",
     "Projet {project} : session « {session} » annulée",
     {"Bonjour,",
      "La session de formation ci-dessous est annulée. Les fonds qui lui étaient réservés sont de "
      "nouveau disponibles pour le projet.",
      "Session | {session}", "Projet | {project}", "Dates | {dates}", "Client | {client}"},
     LIST_FR},
    {"session_cancelled",
     "en",
     "Project {project}: session “{session}” cancelled",
     {"Hello,",
      "The training session below has been cancelled. The funds reserved for it are available to "
      "the project again.",
      "Session | {session}", "Project | {project}", "Dates | {dates}", "Client | {client}"},
     LIST_EN},

    {"sessions_gathered",
     "fr",
     "Sessions de formation : {count} nouvelles de vos projets",
     {"Bonjour,",
      "Voici les dernières nouvelles des sessions de formation, regroupées en un seul "
      "message.",
      "{notices}"},
     LISTS_FR},
    {"sessions_gathered",
     "en",
     "Training sessions: {count} updates of your projects",
     {"Hello,", "Here are the latest updates of the training sessions, in one message.",
      "{notices}"},
     LISTS_EN},

    {"budgets_gathered",
     "fr",
     "Budgets : {count} alertes sur vos projets",
     {"Bonjour,", "Voici les dernières alertes sur les budgets, regroupées en un seul message.",
      "{notices}"},
     LISTS_FR},
    {"budgets_gathered",
     "en",
     "Budgets: {count} alerts on your projects",
     {"Hello,", "Here are the latest alerts on the budgets, in one message.", "{notices}"},
     LISTS_EN},

    {"funding_call",
     "fr",
     "Appel de fonds de {requested} pour le projet {project}",
     {"Bonjour {contact},",
      "Pour poursuivre le projet {project}, nous vous demandons un complément de budget de "
      "{requested}.",
      "Client | {client}", "Projet | {project}", "Budget actuel | {budget}",
      "Consommé | {consumed}", "Complément demandé | {requested}", "Message | {message}",
      "Vous pouvez l’accepter, en ajuster le montant ou le refuser :",
      "[Examiner l’appel de fonds]",
      "Ce lien vous est personnel : ne le transférez pas. Il est valable jusqu’au {expires}."},
     CONTACT_FR},
    {"funding_call",
     "en",
     "Funding call of {requested} for project {project}",
     {"Hello {contact},",
      "To carry on with project {project}, we ask you for an additional budget of {requested}.",
      "Client | {client}", "Project | {project}", "Current budget | {budget}",
      "Consumed | {consumed}", "Additional budget | {requested}", "Message | {message}",
      "You can accept it, adjust the amount or decline it:", "[Review the funding call]",
      "This link is personal: please do not forward it. It is valid until {expires}."},
     CONTACT_EN},

    {"funding_call_notice",
     "fr",
     "Projet {project} : appel de fonds de {requested} envoyé",
     {"Bonjour,",
      "Un appel de fonds pour le projet {project} vient d’être adressé au contact de facturation. "
      "Vous n’avez rien à faire.",
      "Client | {client}", "Montant demandé | {requested}",
      "Réponse attendue au plus tard le | {expires}"},
     LIST_FR},
    {"funding_call_notice",
     "en",
     "Project {project}: funding call of {requested} sent",
     {"Hello,",
      "A funding call for project {project} has been sent to the billing contact. You have nothing "
      "to do.",
      "Client | {client}", "Amount requested | {requested}", "Answer expected by | {expires}"},
     LIST_EN},

    {"funding_reminder",
     "fr",
     "Rappel : appel de fonds de {requested} pour le projet {project}",
     {"Bonjour {contact},",
      "Nous n’avons pas encore reçu votre réponse à notre appel de fonds de {requested} pour le "
      "projet {project}.",
      "Client | {client}", "Projet | {project}", "Appel envoyé le | {sent}",
      "Budget actuel | {budget}", "Consommé | {consumed}", "Complément demandé | {requested}",
      "Message | {message}", "Vous pouvez l’accepter, en ajuster le montant ou le refuser :",
      "[Examiner l’appel de fonds]",
      "Ce lien vous est personnel : ne le transférez pas. Il est valable jusqu’au {expires}."},
     CONTACT_FR},
    {"funding_reminder",
     "en",
     "Reminder: funding call of {requested} for project {project}",
     {"Hello {contact},",
      "We have not received your answer yet to our funding call of {requested} for project "
      "{project}.",
      "Client | {client}", "Project | {project}", "Call sent on | {sent}",
      "Current budget | {budget}", "Consumed | {consumed}", "Additional budget | {requested}",
      "Message | {message}",
      "You can accept it, adjust the amount or decline it:", "[Review the funding call]",
      "This link is personal: please do not forward it. It is valid until {expires}."},
     CONTACT_EN},

    {"funding_reminder_notice",
     "fr",
     "Projet {project} : rappel de l’appel de fonds de {requested}",
     {"Bonjour,",
      "L’appel de fonds du projet {project} est resté sans réponse ; un rappel vient d’être adressé "
      "au contact de facturation. Vous n’avez rien à faire.",
      "Client | {client}", "Montant demandé | {requested}", "Appel envoyé le | {sent}",
      "Réponse attendue au plus tard le | {expires}"},
     LIST_FR},
    {"funding_reminder_notice",
     "en",
     "Project {project}: reminder of the funding call of {requested}",
     {"Hello,",
      "The funding call of project {project} has not been answered; the billing contact has been "
      "sent a reminder. You have nothing to do.",
      "Client | {client}", "Amount requested | {requested}", "Call sent on | {sent}",
      "Answer expected by | {expires}"},
     LIST_EN},

    {"funding_reopened",
     "fr",
     "Projet {project} : votre réponse à l’appel de fonds est de nouveau attendue",
     {"Bonjour {contact},",
      "La réponse que nous avions enregistrée en votre nom prélevait le montant accordé sur votre "
      "enveloppe, qui n’y suffit plus. Elle est donc sans effet : le budget du projet {project} n’a "
      "pas changé, et l’appel de fonds attend de nouveau votre décision.",
      "Client | {client}", "Projet | {project}", "Complément demandé | {requested}",
      "Vous pouvez l’accepter, en ajuster le montant ou le refuser :",
      "[Examiner l’appel de fonds]",
      "Ce lien vous est personnel : ne le transférez pas. Il est valable jusqu’au {expires}."},
     CONTACT_FR},
    {"funding_reopened",
     "en",
     "Project {project}: the funding call awaits your answer again",
     {"Hello {contact},",
      "The answer that we had recorded for you drew the amount granted from your envelope, which no "
      "longer covers it. It therefore has no effect: the budget of project {project} has not "
      "changed, and the funding call awaits your decision again.",
      "Client | {client}", "Project | {project}", "Additional budget | {requested}",
      "You can accept it, adjust the amount or decline it:", "[Review the funding call]",
      "This link is personal: please do not forward it. It is valid until {expires}."},
     CONTACT_EN},

    {"funding_reopened_notice",
     "fr",
     "Projet {project} : l’appel de fonds attend une nouvelle réponse",
     {"Bonjour,",
      "La réponse à l’appel de fonds du projet {project} n’a pas pu prendre effet : l’enveloppe du "
      "client n’y suffit plus. Le budget n’a pas changé, et le contact de facturation est invité à "
      "répondre de nouveau.",
      "Client | {client}", "Montant demandé | {requested}",
      "Réponse attendue au plus tard le | {expires}"},
     LIST_FR},
    {"funding_reopened_notice",
     "en",
     "Project {project}: the funding call awaits another answer",
     {"Hello,",
      "The answer to the funding call of project {project} could not take effect: the client’s "
      "envelope no longer covers it. The budget has not changed, and the billing contact has been "
      "asked to answer again.",
      "Client | {client}", "Amount requested | {requested}", "Answer expected by | {expires}"},
     LIST_EN},

    {"funding_expired",
     "fr",
     "Projet {project} : l’appel de fonds de {requested} a expiré",
     {"Bonjour {contact},",
      "Notre appel de fonds pour le projet {project} est resté sans réponse dans le délai prévu. "
      "Le lien que nous vous avions adressé n’est plus valable, et le budget du projet reste "
      "inchangé.",
      "Client | {client}", "Projet | {project}", "Montant demandé | {requested}",
      "Appel envoyé le | {sent}", "Expiré le | {expired}",
      "Si vous souhaitez y donner suite, contactez-nous : nous vous adresserons un nouvel appel."},
     CONTACT_FR},
    {"funding_expired",
     "en",
     "Project {project}: the funding call of {requested} has expired",
     {"Hello {contact},",
      "Our funding call for project {project} was not answered in time. The link that we had sent "
      "you is no longer valid, and the budget of the project stays as it is.",
      "Client | {client}", "Project | {project}", "Amount requested | {requested}",
      "Call sent on | {sent}", "Expired on | {expired}",
      "If you still wish to answer it, please contact us: we will send you a new call."},
     CONTACT_EN},

    {"funding_expired_notice",
     "fr",
     "Projet {project} : appel de fonds de {requested} expiré",
     {"Bonjour,",
      "L’appel de fonds du projet {project} est resté sans réponse dans le délai prévu. Le budget "
      "du projet reste inchangé.",
      "Client | {client}", "Montant demandé | {requested}", "Appel envoyé le | {sent}",
      "Expiré le | {expired}"},
     LIST_FR},
    {"funding_expired_notice",
     "en",
     "Project {project}: funding call of {requested} expired",
     {"Hello,",
      "The funding call of project {project} was not answered in time. The budget of the project "
      "stays as it is.",
      "Client | {client}", "Amount requested | {requested}", "Call sent on | {sent}",
      "Expired on | {expired}"},
     LIST_EN},

    {"funding_decision",
     "fr",
     "Votre réponse à l’appel de fonds du projet {project}",
     {"Bonjour {contact},", "Nous avons bien enregistré votre réponse, et vous en remercions.",
      "Vous avez accordé {granted} au projet {project}.",
      "Vous avez refusé l’appel de fonds de {declined} du projet {project}.", "Client | {client}",
      "Montant demandé | {requested}", "Montant accordé | {granted}",
      "Prélevé sur votre enveloppe | {from_envelope}", "Décision du | {decided}",
      "Nouveau budget du projet | {budget}", "Votre commentaire | {comment}",
      "Cette réponse a été enregistrée en votre nom par nos soins. Motif indiqué : {reason}",
      "Si cette décision n’est pas la vôtre, prévenez-nous sans attendre."},
     CONTACT_FR},
    {"funding_decision",
     "en",
     "Your answer to the funding call of project {project}",
     {"Hello {contact},", "We have recorded your answer. Thank you.",
      "You granted {granted} to project {project}.",
      "You declined the funding call of {declined} of project {project}.", "Client | {client}",
      "Amount requested | {requested}", "Amount granted | {granted}",
      "Taken from your envelope | {from_envelope}", "Decided on | {decided}",
      "New budget of the project | {budget}", "Your comment | {comment}",
      "We recorded this answer for you. Reason given: {reason}",
      "If this decision is not yours, please tell us at once."},
     CONTACT_EN},

    {"funding_decision_notice",
     "fr",
     "Projet {project} : réponse à l’appel de fonds",
     {"Bonjour,", "Le client a accordé {granted} au projet {project}.",
      "Le client a refusé l’appel de fonds de {declined} du projet {project}.", "Client | {client}",
      "Montant demandé | {requested}", "Montant accordé | {granted}", "Décision du | {decided}",
      "Nouveau budget du projet | {budget}"},
     LIST_FR},
    {"funding_decision_notice",
     "en",
     "Project {project}: answer to the funding call",
     {"Hello,", "The client granted {granted} to project {project}.",
      "The client declined the funding call of {declined} of project {project}.",
      "Client | {client}", "Amount requested | {requested}", "Amount granted | {granted}",
      "Decided on | {decided}", "New budget of the project | {budget}"},
     LIST_EN},

    {"invoice",
     "fr",
     "Facture {number} – {project}",
     {"Bonjour {contact},", "Veuillez trouver ci-joint notre facture {number}.",
      "Client | {client}", "Projet | {project}", "Total HT | {net}", "Total TTC | {gross}",
      "Reste à payer | {open}", "À régler au plus tard le | {due}", "IBAN | {iban}",
      "Référence à rappeler | {reference}", "Il ne reste rien à payer sur la facture {settled}.",
      "Nous vous remercions de votre confiance."},
     CONTACT_FR},
    {"invoice",
     "en",
     "Invoice {number} – {project}",
     {"Hello {contact},", "Please find attached our invoice {number}.", "Client | {client}",
      "Project | {project}", "Total excluding VAT | {net}", "Total including VAT | {gross}",
      "Still to be paid | {open}", "To be paid by | {due}", "IBAN | {iban}",
      "Reference to quote | {reference}", "Nothing is left to be paid on invoice {settled}.",
      "Thank you for your trust."},
     CONTACT_EN},

    {"invoice_notice",
     "fr",
     "Projet {project} : facture {number} émise",
     {"Bonjour,",
      "La facture {number} vient d’être adressée au contact de facturation. Vous n’avez rien à "
      "faire.",
      "Client | {client}", "Projet | {project}", "Total HT | {net}", "Total TTC | {gross}",
      "Échéance | {due}"},
     LIST_FR},
    {"invoice_notice",
     "en",
     "Project {project}: invoice {number} issued",
     {"Hello,", "Invoice {number} has been sent to the billing contact. You have nothing to do.",
      "Client | {client}", "Project | {project}", "Total excluding VAT | {net}",
      "Total including VAT | {gross}", "Due on | {due}"},
     LIST_EN},

    {"credit_note",
     "fr",
     "Avoir {number} – {project}",
     {"Bonjour {contact},",
      "Veuillez trouver ci-joint l’avoir {number}, relatif à notre facture {original}.",
      "Client | {client}", "Projet | {project}", "Facture concernée | {original}",
      "Motif | {reason}", "Total HT | {net}", "Total TTC | {gross}",
      "Cet avoir vient en déduction de la facture. Si vous l’aviez déjà réglée, le montant est porté "
      "à votre crédit."},
     CONTACT_FR},
    {"credit_note",
     "en",
     "Credit note {number} – {project}",
     {"Hello {contact},", "Please find attached credit note {number} for our invoice {original}.",
      "Client | {client}", "Project | {project}", "Invoice | {original}", "Reason | {reason}",
      "Total excluding VAT | {net}", "Total including VAT | {gross}",
      "This credit note is deducted from the invoice. If you have already paid it, the amount is "
      "held to your credit."},
     CONTACT_EN},

    {"credit_note_notice",
     "fr",
     "Projet {project} : avoir {number} émis",
     {"Bonjour,",
      "L’avoir {number}, relatif à la facture {original}, vient d’être adressé au contact de "
      "facturation. Vous n’avez rien à faire.",
      "Client | {client}", "Projet | {project}", "Facture concernée | {original}",
      "Motif | {reason}", "Total HT | {net}", "Total TTC | {gross}"},
     LIST_FR},
    {"credit_note_notice",
     "en",
     "Project {project}: credit note {number} issued",
     {"Hello,",
      "Credit note {number} for invoice {original} has been sent to the billing contact. You have "
      "nothing to do.",
      "Client | {client}", "Project | {project}", "Invoice | {original}", "Reason | {reason}",
      "Total excluding VAT | {net}", "Total including VAT | {gross}"},
     LIST_EN},
};

const struct mail_template *
mail_templates(size_t *count)
{
    *count = sizeof templates / sizeof templates[0];
    return templates;
}

const struct mail_template *
mail_template(const char *kind, const char *locale)
{
    const struct mail_template *found = NULL;
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        if (strcmp(templates[i].kind, kind) != 0)
            continue;
        if (strcmp(templates[i].locale, locale) == 0)
            return &templates[i];
        if (strcmp(templates[i].locale, "fr") == 0)
            found = &templates[i];
    }
    return found;
}
