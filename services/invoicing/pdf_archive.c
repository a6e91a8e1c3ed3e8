/* SPDX-License-Identifier: Apache-2.0
 * Makes libharu's document PDF/A-3b (ISO 19005-3) through its object interface, because its own
 * PDF/A calls are wrong: metadata, colour profile, attachment, identifier, repaired fonts. */
#include "pdf_haru.h"
#include <stdio.h>
#include <string.h>

#define ICC_FILE "/usr/share/color/icc/sRGB.icc"
#define ICC_BYTES_MAX 65536
#define PRODUCER "Escarcelle"
#define CAP_HEIGHT 729       /* Liberation Sans, thousandths of the size */
#define CMAP_SECTION_MAX 100 /* entries of one bfchar section, PDF 32000-1, 9.10.3 */

static HPDF_Dict
new_dictionary(struct pdf *pdf)
{
    HPDF_Dict dictionary = HPDF_Dict_New(pdf->document->mmgr);
    if (dictionary)
        HPDF_Xref_Add(pdf->document->xref, dictionary);
    return dictionary;
}

static HPDF_Dict
new_stream(struct pdf *pdf, const void *bytes, size_t length, HPDF_UINT filter)
{
    HPDF_Dict stream = HPDF_DictStream_New(pdf->document->mmgr, pdf->document->xref);
    if (!stream)
        return NULL;
    HPDF_Stream_Write(stream->stream, bytes, (HPDF_UINT)length);
    stream->filter = filter;
    return stream;
}

static void
add_text(struct pdf *pdf, HPDF_Dict dictionary, const char *key, const char *text)
{
    HPDF_Encoder encoder = HPDF_GetEncoder(pdf->document, "UTF-8");
    HPDF_Dict_Add(dictionary, key, HPDF_String_New(pdf->document->mmgr, text, encoder));
}

static const char *
escaped(struct arena *arena, const char *text)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (; *text; text++) {
        if (*text == '&')
            buffer_text(&out, "&amp;");
        else if (*text == '<')
            buffer_text(&out, "&lt;");
        else if (*text == '>')
            buffer_text(&out, "&gt;");
        else
            buffer_append(&out, text, 1);
    }
    return out.bytes;
}

/* The Factur-X description of an attachment, and the schema that PDF/A wants for its properties. */
static void
append_facturx(struct buffer *xmp, const struct pdf_attachment *attachment)
{
    static const char *const properties[][2] = {
        {"DocumentFileName", "The name of the embedded XML document"},
        {"DocumentType", "The type of the hybrid document"},
        {"Version", "The version of the standard that the XML follows"},
        {"ConformanceLevel", "The conformance level of the XML"},
    };
    buffer_printf(xmp,
                  "<rdf:Description rdf:about=\"\" "
                  "xmlns:fx=\"urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#\">"
                  "<fx:DocumentType>INVOICE</fx:DocumentType>"
                  "<fx:DocumentFileName>%s</fx:DocumentFileName><fx:Version>1.0</fx:Version>"
                  "<fx:ConformanceLevel>%s</fx:ConformanceLevel></rdf:Description>\n",
                  escaped(xmp->arena, attachment->name),
                  escaped(xmp->arena, attachment->facturx_level));
    buffer_text(xmp, "<rdf:Description rdf:about=\"\" "
                     "xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\" "
                     "xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\" "
                     "xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\">"
                     "<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType=\"Resource\">"
                     "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
                     "<pdfaSchema:namespaceURI>"
                     "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
                     "</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
                     "<pdfaSchema:property><rdf:Seq>");
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        buffer_printf(xmp,
                      "<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:name>%s</pdfaProperty:name>"
                      "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
                      "<pdfaProperty:category>external</pdfaProperty:category>"
                      "<pdfaProperty:description>%s</pdfaProperty:description></rdf:li>",
                      properties[i][0], properties[i][1]);
    buffer_text(xmp, "</rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>"
                     "</rdf:Description>\n");
}

/* The properties that the reader shows (title, author…) in the form that archives read. */
static void
append_description(struct buffer *xmp, const struct pdf_description *description)
{
    const char *created = arena_printf(xmp->arena, "%.19s+00:00", description->created);
    buffer_printf(
        xmp,
        "<rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">"
        "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>"
        "</rdf:Description>\n"
        "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">"
        "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">%s</rdf:li></rdf:Alt></dc:title>"
        "<dc:creator><rdf:Seq><rdf:li>%s</rdf:li></rdf:Seq></dc:creator>"
        "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">%s</rdf:li></rdf:Alt>"
        "</dc:description></rdf:Description>\n",
        escaped(xmp->arena, description->title), escaped(xmp->arena, description->author),
        escaped(xmp->arena, description->subject));
    buffer_printf(xmp,
                  "<rdf:Description rdf:about=\"\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\">"
                  "<pdf:Producer>" PRODUCER "</pdf:Producer></rdf:Description>\n"
                  "<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\">"
                  "<xmp:CreatorTool>" PRODUCER "</xmp:CreatorTool>"
                  "<xmp:CreateDate>%s</xmp:CreateDate><xmp:ModifyDate>%s</xmp:ModifyDate>"
                  "</rdf:Description>\n",
                  created, created);
}

static void
add_metadata(struct pdf *pdf, const struct pdf_attachment *attachment)
{
    struct buffer xmp;
    buffer_init(&xmp, pdf->arena);
    buffer_text(&xmp, "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
                      "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n");
    append_description(&xmp, pdf->description);
    if (attachment && attachment->facturx_level)
        append_facturx(&xmp, attachment);
    buffer_text(&xmp, "</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>");
    /* Not compressed: archives read it without a PDF library. */
    HPDF_Dict stream = new_stream(pdf, xmp.bytes, xmp.length, HPDF_STREAM_FILTER_NONE);
    HPDF_Dict_AddName(stream, "Type", "Metadata");
    HPDF_Dict_AddName(stream, "Subtype", "XML");
    HPDF_Dict_Add(pdf->document->catalog, "Metadata", stream);
}

/* What the reader's properties show; must say the same as the metadata. */
static void
add_information(struct pdf *pdf)
{
    const struct pdf_description *description = pdf->description;
    HPDF_Date date = {.ind = '+'};
    if (sscanf(description->created, "%4d-%2d-%2dT%2d:%2d:%2d", &date.year, &date.month, &date.day,
               &date.hour, &date.minutes, &date.seconds) != 6) {
        pdf_fail(pdf, "the document's instant is malformed");
        return;
    }
    HPDF_SetInfoAttr(pdf->document, HPDF_INFO_TITLE, description->title);
    HPDF_SetInfoAttr(pdf->document, HPDF_INFO_AUTHOR, description->author);
    HPDF_SetInfoAttr(pdf->document, HPDF_INFO_SUBJECT, description->subject);
    HPDF_SetInfoAttr(pdf->document, HPDF_INFO_CREATOR, PRODUCER);
    HPDF_SetInfoAttr(pdf->document, HPDF_INFO_PRODUCER, PRODUCER);
    HPDF_SetInfoDateAttr(pdf->document, HPDF_INFO_CREATION_DATE, date);
    HPDF_SetInfoDateAttr(pdf->document, HPDF_INFO_MOD_DATE, date);
    add_text(pdf, pdf->document->catalog, "Lang", description->language);
}

static void
add_colour_profile(struct pdf *pdf)
{
    uint8_t profile[ICC_BYTES_MAX];
    FILE *file = fopen(ICC_FILE, "rb");
    size_t length = file ? fread(profile, 1, sizeof profile, file) : 0;
    if (file)
        fclose(file);
    if (length == 0) {
        pdf_fail(pdf, "can't read the colour profile " ICC_FILE);
        return;
    }
    HPDF_Dict stream = new_stream(pdf, profile, length, HPDF_STREAM_FILTER_FLATE_DECODE);
    HPDF_Dict_AddNumber(stream, "N", 3);
    HPDF_Dict intent = new_dictionary(pdf);
    HPDF_Dict_AddName(intent, "Type", "OutputIntent");
    HPDF_Dict_AddName(intent, "S", "GTS_PDFA1");
    add_text(pdf, intent, "OutputConditionIdentifier", "sRGB IEC61966-2.1");
    add_text(pdf, intent, "Info", "sRGB IEC61966-2.1");
    HPDF_Dict_Add(intent, "DestOutputProfile", stream);
    HPDF_Array intents = HPDF_Array_New(pdf->document->mmgr);
    HPDF_Dict_Add(pdf->document->catalog, "OutputIntents", intents);
    HPDF_Array_Add(intents, intent);
}

static HPDF_Dict
embedded_file(struct pdf *pdf, const struct pdf_attachment *attachment)
{
    HPDF_Dict stream =
        new_stream(pdf, attachment->bytes, attachment->length, HPDF_STREAM_FILTER_FLATE_DECODE);
    HPDF_Dict_AddName(stream, "Type", "EmbeddedFile");
    HPDF_Dict_AddName(stream, "Subtype", attachment->media_type);
    HPDF_Dict parameters = HPDF_Dict_New(pdf->document->mmgr);
    HPDF_Dict_Add(stream, "Params", parameters);
    HPDF_Dict_AddNumber(parameters, "Size", (HPDF_INT32)attachment->length);
    const char *at = pdf->description->created;
    add_text(pdf, parameters, "ModDate",
             arena_printf(pdf->arena, "D:%.4s%.2s%.2s%.2s%.2s%.2s+00'00'", at, at + 5, at + 8,
                          at + 11, at + 14, at + 17));
    return stream;
}

static void
add_attachment(struct pdf *pdf, const struct pdf_attachment *attachment)
{
    HPDF_MMgr memory = pdf->document->mmgr;
    HPDF_Dict stream = embedded_file(pdf, attachment);
    HPDF_Dict file = new_dictionary(pdf);
    HPDF_Dict_AddName(file, "Type", "Filespec");
    HPDF_Dict_AddName(file, "AFRelationship", attachment->relationship);
    add_text(pdf, file, "F", attachment->name);
    add_text(pdf, file, "UF", attachment->name);
    add_text(pdf, file, "Desc", attachment->description);
    HPDF_Dict streams = HPDF_Dict_New(memory);
    HPDF_Dict_Add(file, "EF", streams);
    HPDF_Dict_Add(streams, "F", stream);
    HPDF_Dict_Add(streams, "UF", stream);

    HPDF_Array associated = HPDF_Array_New(memory);
    HPDF_Dict_Add(pdf->document->catalog, "AF", associated);
    HPDF_Array_Add(associated, file);
    HPDF_Dict names = HPDF_Dict_New(memory), tree = HPDF_Dict_New(memory);
    HPDF_Array pairs = HPDF_Array_New(memory);
    HPDF_Dict_Add(pdf->document->catalog, "Names", names);
    HPDF_Dict_Add(names, "EmbeddedFiles", tree);
    HPDF_Dict_Add(tree, "Names", pairs);
    HPDF_Array_Add(
        pairs, HPDF_String_New(memory, attachment->name, HPDF_GetEncoder(pdf->document, "UTF-8")));
    HPDF_Array_Add(pairs, file);
}

/* The file identifier from the document's UUID, so that the bytes are repeatable. */
static void
add_identifier(struct pdf *pdf)
{
    static const char digits[] = "0123456789abcdef";
    HPDF_BYTE id[16] = {0};
    size_t count = 0;
    for (const char *at = pdf->description->id; *at && count < 2 * sizeof id; at++) {
        const char *digit = strchr(digits, *at | 0x20);
        if (!digit)
            continue;
        id[count / 2] |= (HPDF_BYTE)((digit - digits) << (count % 2 ? 0 : 4));
        count++;
    }
    HPDF_Array pair = HPDF_Array_New(pdf->document->mmgr);
    HPDF_Dict_Add(pdf->document->trailer, "ID", pair);
    for (int i = 0; i < 2; i++)
        HPDF_Array_Add(pair, HPDF_Binary_New(pdf->document->mmgr, id, sizeof id));
}

/* Maps the used codes to themselves: libharu's codes are Unicode. */
static const char *
unicode_map(struct pdf *pdf, const struct pdf_font *font, size_t *length)
{
    struct buffer section, map;
    buffer_init(&section, pdf->arena);
    buffer_init(&map, pdf->arena);
    buffer_text(&map, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
                      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
                      "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
                      "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n");
    unsigned entries = 0;
    for (unsigned code = 0; code < PDF_CODES; code++) {
        if (font->used[code / 8] & 1u << code % 8) {
            buffer_printf(&section, "<%04X> <%04X>\n", code, code);
            entries++;
        }
        if (entries == CMAP_SECTION_MAX || (entries && code == PDF_CODES - 1)) {
            buffer_printf(&map, "%u beginbfchar\n%sendbfchar\n", entries, section.bytes);
            buffer_init(&section, pdf->arena);
            entries = 0;
        }
    }
    buffer_text(&map, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
    *length = map.length;
    return map.bytes;
}

/* Replaces libharu's malformed ToUnicode and character collection, adds the missing CapHeight. */
static void
repair_font(struct pdf *pdf, struct pdf_font *font)
{
    HPDF_FontAttr attributes = font->font->attr;
    size_t length;
    const char *map = unicode_map(pdf, font, &length);
    HPDF_Dict stream = HPDF_Dict_GetItem(font->font, "ToUnicode", HPDF_OCLASS_DICT);
    if (!stream) {
        pdf_fail(pdf, "libharu made a font without a character map");
        return;
    }
    static const char *const false_keys[] = {"Type", "CMapName", "CIDSystemInfo"};
    for (size_t i = 0; i < sizeof false_keys / sizeof false_keys[0]; i++)
        HPDF_Dict_RemoveElement(stream, false_keys[i]);
    HPDF_MemStream_FreeData(stream->stream);
    HPDF_Stream_Write(stream->stream, (const HPDF_BYTE *)map, (HPDF_UINT)length);

    HPDF_Dict collection = HPDF_Dict_New(pdf->document->mmgr);
    HPDF_Dict_Add(attributes->descendant_font, "CIDSystemInfo", collection);
    add_text(pdf, collection, "Registry", "Adobe");
    add_text(pdf, collection, "Ordering", "Identity");
    HPDF_Dict_AddNumber(collection, "Supplement", 0);
    /* Builds the descriptor now; libharu would do it while saving. */
    font->font->before_write_fn(font->font);
    if (attributes->fontdef->descriptor)
        HPDF_Dict_AddNumber(attributes->fontdef->descriptor, "CapHeight", CAP_HEIGHT);
}

void
pdf_archive(struct pdf *pdf, const struct pdf_attachment *attachment)
{
    add_information(pdf);
    add_metadata(pdf, attachment);
    add_colour_profile(pdf);
    if (attachment)
        add_attachment(pdf, attachment);
    add_identifier(pdf);
    for (enum pdf_face face = 0; face < PDF_FACES && !pdf->error; face++)
        repair_font(pdf, &pdf->fonts[face]);
    pdf->document->pdf_version = HPDF_VER_17;
}
