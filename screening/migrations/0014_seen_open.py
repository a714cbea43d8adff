"""Who saw a review open does not read it second either.

For reviews that are open it is learnt from the audit log. Of those that are signed nobody
asks who has seen them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

PAGES = ("review", "job")


def learn(apps, schema_editor):
    using = schema_editor.connection.alias
    Review = apps.get_model("screening", "Review")
    Audit = apps.get_model("audit", "Audit")
    User = apps.get_model(settings.AUTH_USER_MODEL)
    known = set(User.objects.using(using).values_list("pk", flat=True))
    seen = Review.had_by.through.objects.using(using)
    seen.exclude(review__state="REQUIRES_REVIEW").delete()
    still_open = Review.objects.using(using).filter(state="REQUIRES_REVIEW")
    rows = list(still_open.values_list("pk", "job_id"))
    for start in range(0, len(rows), 500):
        reviews = {job: pk for pk, job in rows[start : start + 500]}
        events = Audit.objects.using(using).filter(
            job_id__in=list(reviews), action="record.opened", detail__page__in=PAGES
        )
        found = set()
        for job, actor in events.values_list("job_id", "actor").distinct():
            kind, _, pk = actor.partition(":")
            if kind == "user" and pk.isdecimal() and int(pk) in known:
                found.add((reviews[job], int(pk)))
        seen.bulk_create(
            (seen.model(review_id=review, user_id=person) for review, person in sorted(found)),
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0006_recorded_at_once'),
        ('screening', '0013_job_told'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='review',
            name='had_by',
            field=models.ManyToManyField(editable=False, help_text='Who has it, had it or saw it open, and so cannot read it second.', related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(learn, migrations.RunPython.noop),
    ]
