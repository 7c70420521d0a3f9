from django.db import migrations, models


def _drop_time(apps, editor):
    model = apps.get_model("proxy", "RequestLog")
    for name in editor._constraint_names(model, ["time"], index=True):
        editor.execute(editor._delete_constraint_sql(editor.sql_delete_index, model, name))


def _make_time(apps, editor):
    model = apps.get_model("proxy", "RequestLog")
    editor.execute(editor._create_index_sql(model, fields=[model._meta.get_field("time")]))


class Migration(migrations.Migration):

    dependencies = [
        ('proxy', '0011_failover'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='requestlog',
            name='requestlog_outcome',
        ),
        migrations.RemoveIndex(
            model_name='requestlog',
            name='requestlog_provider',
        ),
        migrations.RemoveIndex(
            model_name='requestlog',
            name='requestlog_model',
        ),
        # Dropped by hand: SQLite would write a long history anew for it.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(_drop_time, _make_time)],
            state_operations=[
                migrations.AlterField(model_name='requestlog', name='time', field=models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['outcome', 'time'], name='requestlog_outcome'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['status', 'time'], name='requestlog_status'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['provider', 'time'], name='requestlog_provider'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['logical_model', 'time'], name='requestlog_model'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['route', 'time'], name='requestlog_route'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['client_key', 'time'], name='requestlog_key'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(condition=models.Q(('attempts__gt', 1)), fields=['time', 'attempts'], name='requestlog_failed_over'),
        ),
        migrations.AddIndex(
            model_name='requestlog',
            index=models.Index(fields=['time', 'duration_ms', 'cost_usd'], name='requestlog_time'),
        ),
    ]
