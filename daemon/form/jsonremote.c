/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonremote.h"

#include "daemon/form/jsonparts.h"
#include "daemon/remote/remote.h"

int jsonremote(const struct remote_stats *stats, char **ret_text)
{
	const struct remote_stats *s = stats;

	if (!s)
		return jsonparts_finish(json_pack("{ss}", "state", "off"), ret_text);
	return jsonparts_finish(
		json_pack("{sssfsIsIsIsIsIsIsIsoso}", "state", remote_state_word(s->state), "lag_s",
			  s->lag_s, "sent_samples", (json_int_t)s->sent, "refused_samples",
			  (json_int_t)s->refused, "lost_samples", (json_int_t)s->lost, "sent_values",
			  (json_int_t)s->values, "sent_bytes", (json_int_t)s->bytes, "requests",
			  (json_int_t)s->requests, "failures", (json_int_t)s->failures, "taken",
			  s->taken_ns ? jsonparts_seconds(s->taken_ns) : json_null(), "error",
			  jsonparts_text(s->error)),
		ret_text);
}
