"""Who ever had a review is kept, and the database takes no second read from them.

For reviews that are open it is learnt from the audit log. Those that are signed are read by
nobody any more.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

SEEN = "a second read is of one who never had the review"
HAD = """EXISTS (SELECT 1 FROM screening_review_had_by
    WHERE review_id = NEW.review_id AND user_id = NEW.reader_id)"""
STEPS = [
    *["review.claimed", "review.saved", "review.flag_acknowledged"],
    *["review.family_approved", "review.family_withdrawn"],
    *["review.second_read_asked", "review.handed_over"],
]
INSTALL = {
    "postgresql": [
        f"""CREATE FUNCTION second_read_blind() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF {HAD} THEN RAISE EXCEPTION '{SEEN}'; END IF;
          RETURN NEW;
        END $$""",
        """CREATE TRIGGER second_read_blind BEFORE INSERT
           ON screening_secondread FOR EACH ROW EXECUTE FUNCTION second_read_blind()""",
        "ALTER TABLE screening_secondread ENABLE ALWAYS TRIGGER second_read_blind",
    ],
    "sqlite": [
        f"""CREATE TRIGGER second_read_blind BEFORE INSERT ON screening_secondread
            WHEN {HAD} BEGIN SELECT RAISE(ABORT, '{SEEN}'); END""",
    ],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER second_read_blind ON screening_secondread",
        "DROP FUNCTION second_read_blind()",
    ],
    "sqlite": ["DROP TRIGGER second_read_blind"],
}


def run(statements):
    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)

    return step


def learn(apps, schema_editor):
    using = schema_editor.connection.alias
    Review = apps.get_model("screening", "Review")
    Audit = apps.get_model("audit", "Audit")
    User = apps.get_model(settings.AUTH_USER_MODEL)
    known = set(User.objects.using(using).values_list("pk", flat=True))
    had = Review.had_by.through.objects.using(using)
    still_open = Review.objects.using(using).filter(state="REQUIRES_REVIEW")
    rows = list(still_open.values_list("pk", "job_id", "assignee_id"))
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        reviews = {job: pk for pk, job, _ in part}
        found = {(pk, assignee) for pk, _, assignee in part if assignee}
        events = Audit.objects.using(using).filter(job_id__in=list(reviews), action__in=STEPS)
        for job, actor, detail in events.values_list("job_id", "actor", "detail"):
            for who in (actor, str(detail.get("to", ""))):
                kind, _, pk = who.partition(":")
                if kind == "user" and pk.isdecimal() and int(pk) in known:
                    found.add((reviews[job], int(pk)))
        had.bulk_create(
            had.model(review_id=review, user_id=person) for review, person in sorted(found)
        )


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_initial'),
        ('screening', '0008_permissions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='review',
            name='had_by',
            field=models.ManyToManyField(editable=False, help_text='Who has it or ever had it, and so cannot read it second.', related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(learn, migrations.RunPython.noop),
        migrations.RunPython(run(INSTALL), run(REMOVE)),
    ]
