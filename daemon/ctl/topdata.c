/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topdata.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sources[] = { [TOPDATA_GUEST] = "guest", [TOPDATA_HOST] = "host" };

const char *topdata_source_name(enum topdata_source source)
{
	return sources[source];
}

double topdata_number(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void text(json_t *object, const char *key, char *out, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	(void)snprintf(out, size, "%s", value ? value : "");
}

void topdata_push(struct topdata_history *history, double value)
{
	history->values[history->count++ % TOPDATA_HISTORY] = value;
}

/* ---- the list ---- */

static int by_id(const void *a, const void *b)
{
	const struct topdata_vm *x = a, *y = b;

	return strcmp(x->id, y->id);
}

struct topdata_vm *topdata_find(struct topdata *data, const char *id)
{
	size_t low = 0, high = data->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(id, data->vms[middle].id);

		if (order == 0)
			return &data->vms[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct topdata_vm *topdata_find_name(struct topdata *data, const char *name)
{
	struct topdata_vm *vm = topdata_find(data, name);

	for (size_t i = 0; !vm && i < data->count; i++) {
		if (strcmp(data->vms[i].untrusted_name, name) == 0)
			vm = &data->vms[i];
	}
	return vm;
}

static void check_age(struct topdata_numbers *numbers, int64_t now_ms)
{
	if (now_ms - numbers->known_ms > TOPDATA_STALE_MS + numbers->interval_ms * 3 / 2)
		numbers->rate = numbers->handling = numbers->lost = NAN;
}

/* Without samples of its own yet, what the daemon says of the latest one. */
static void take_numbers(struct topdata_numbers *numbers, json_t *object, int64_t now_ms,
			 double now_s)
{
	double age_s = fmax(now_s - topdata_number(object, "t"), 0);

	numbers->is_there = json_is_object(object);
	numbers->exits = topdata_number(object, "exits");
	if (numbers->heard)
		return;
	/* Years ago is long enough. */
	numbers->known_ms = now_ms - (int64_t)(1000 * fmin(age_s, 1e9));
	numbers->interval_ms = TOPDATA_INTERVAL_MAX_MS;
	numbers->rate = topdata_number(object, "exits_rate");
	numbers->handling = topdata_number(object, "handling_share");
	numbers->lost = topdata_number(object, "lost_share");
	check_age(numbers, now_ms);
}

static void forget_numbers(struct topdata_vm *vm)
{
	for (size_t i = 0; i < TOPDATA_SOURCES; i++) {
		vm->sources[i] = (struct topdata_numbers){
			.exits = NAN, .rate = NAN, .handling = NAN, .lost = NAN,
		};
	}
}

static void take_vm(struct topdata_vm *vm, json_t *entry, int64_t now_ms, double now_s)
{
	json_int_t boot = json_integer_value(json_object_get(entry, "boot"));

	text(entry, "id", vm->id, sizeof(vm->id));
	text(entry, "name", vm->untrusted_name, sizeof(vm->untrusted_name));
	text(entry, "state", vm->state, sizeof(vm->state));
	text(entry, "agent", vm->agent, sizeof(vm->agent));
	vmnote_text(entry, vm->note, sizeof(vm->note));
	vm->boot = boot;
	take_numbers(&vm->sources[TOPDATA_GUEST], json_object_get(entry, "guest"), now_ms, now_s);
	take_numbers(&vm->sources[TOPDATA_HOST], json_object_get(entry, "host"), now_ms, now_s);
}

int topdata_set_vms(struct topdata *data, json_t *root, int64_t now_ms, double now_s)
{
	json_t *list = json_object_get(root, "vms"), *entry;
	struct topdata_vm *vms;
	size_t count = 0, i;

	if (!json_is_array(list))
		return -EPROTO;
	/* One more, so that none is no failure. */
	vms = calloc((json_array_size(list) < TOPDATA_VMS_MAX ? json_array_size(list)
							      : TOPDATA_VMS_MAX) + 1, sizeof(*vms));
	if (!vms)
		return -ENOMEM;
	json_array_foreach(list, i, entry) {
		const char *id = json_string_value(json_object_get(entry, "id"));
		const struct topdata_vm *old = id ? topdata_find(data, id) : NULL;
		struct topdata_vm *vm = &vms[count];

		if (!id || count == TOPDATA_VMS_MAX)
			continue;
		if (old)
			*vm = *old;
		else
			forget_numbers(vm);
		take_vm(vm, entry, now_ms, now_s);
		count++;
	}
	qsort(vms, count, sizeof(*vms), by_id);
	free(data->vms);
	data->vms = vms;
	data->count = count;
	return 0;
}

void topdata_done(struct topdata *data)
{
	free(data->vms);
	*data = (struct topdata){ 0 };
}

/* ---- samples ---- */

static void add(struct topdata_mean *mean, double value, double seconds)
{
	if (isnan(value))
		return;
	mean->sum += value * seconds;
	mean->seconds += seconds;
}

void topdata_sample(struct topdata *data, json_t *event, int64_t now_ms)
{
	const char *id = json_string_value(json_object_get(event, "vm"));
	const char *source = json_string_value(json_object_get(event, "source"));
	json_int_t boot = json_integer_value(json_object_get(event, "boot"));
	struct topdata_vm *vm = id ? topdata_find(data, id) : NULL;
	double seconds = topdata_number(event, "dt");
	struct topdata_numbers *numbers;

	if (!vm || !source)
		return;
	numbers = &vm->sources[strcmp(source, sources[TOPDATA_HOST]) == 0 ? TOPDATA_HOST
									  : TOPDATA_GUEST];
	if (boot > vm->boot) {
		forget_numbers(vm);
		vm->boot = boot;
	} else if (boot < vm->boot) {
		return;
	}
	numbers->is_there = true;
	numbers->heard = true;
	numbers->known_ms = now_ms;
	numbers->interval_ms = TOPDATA_INTERVAL_MAX_MS;
	numbers->exits = topdata_number(event, "exits");
	if (!(seconds > 0))
		return;
	numbers->interval_ms = fmin(1000 * seconds, TOPDATA_INTERVAL_MAX_MS);
	add(&numbers->rates, topdata_number(event, "exits_rate"), seconds);
	add(&numbers->handlings, topdata_number(event, "handling_share"), seconds);
	add(&numbers->losses, topdata_number(event, "lost_share"), seconds);
}

/* Nothing new leaves what was. */
static void settle(struct topdata_mean *mean, double *value)
{
	if (mean->seconds > 0)
		*value = mean->sum / mean->seconds;
	*mean = (struct topdata_mean){ 0 };
}

void topdata_tick(struct topdata *data, int64_t now_ms)
{
	for (size_t i = 0; i < data->count * TOPDATA_SOURCES; i++) {
		struct topdata_vm *vm = &data->vms[i / TOPDATA_SOURCES];
		struct topdata_numbers *numbers = &vm->sources[i % TOPDATA_SOURCES];
		bool is_running = strcmp(vm->state, "running") == 0;

		settle(&numbers->rates, &numbers->rate);
		settle(&numbers->handlings, &numbers->handling);
		settle(&numbers->losses, &numbers->lost);
		check_age(numbers, now_ms);
		topdata_push(&numbers->history, is_running ? numbers->rate : NAN);
	}
}

const struct topdata_numbers *topdata_numbers(const struct topdata_vm *vm,
					      enum topdata_choice choice,
					      enum topdata_source *ret_source)
{
	enum topdata_source source = choice == TOPDATA_ONLY_HOST ? TOPDATA_HOST : TOPDATA_GUEST;

	if (choice == TOPDATA_BEST && isnan(vm->sources[TOPDATA_GUEST].exits) &&
	    vm->sources[TOPDATA_HOST].is_there)
		source = TOPDATA_HOST;
	if (!vm->sources[source].is_there)
		return NULL;
	*ret_source = source;
	return &vm->sources[source];
}
